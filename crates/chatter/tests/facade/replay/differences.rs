//! Where the facade answers otherwise than the vendor did, on purpose.

/// Recorded answers that differ for one reason.
pub(super) struct Difference {
    /// What the vendor does, as the page's row says it.
    pub(super) vendor: &'static str,
    /// The facade's own statuses.
    pub(super) statuses: &'static [u16],
    /// Files, and the exchanges in each.
    pub(super) names: &'static [(&'static str, &'static [&'static str])],
}

/// All of them.
pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        vendor: "V0: every chat fails, and `C/` is not there",
        statuses: &[200],
        names: &[(
            "v0",
            &[
                "chat.existing",
                "chat.no_provider",
                "chat.provider",
                "chat.provider_all_fail",
                "get_again",
                "stream",
                "template",
            ],
        )],
    },
    Difference {
        vendor: "V1: rag, tools and full fail",
        statuses: &[200],
        names: &[
            ("v0", &["wf.rag"]),
            ("v1", &["stream.workflow.full", "stream.workflow.tools"]),
        ],
    },
    Difference {
        vendor: "V1: 500 for `stream: true` on a chat, 400 on a template",
        statuses: &[200],
        names: &[
            ("v0", &["stream_true"]),
            (
                "v1",
                &[
                    "chat.docs_example",
                    "chat.stream_true",
                    "template.stream_true",
                ],
            ),
        ],
    },
    Difference {
        vendor: "templates and tools of its own",
        statuses: &[200],
        names: &[
            ("v0", &["tools"]),
            ("v1", &["rate.other_path_not_limited", "templates.list"]),
            ("v2", &["rate.other_path_not_limited"]),
        ],
    },
    Difference {
        vendor: "500 for titles of 0 or more than 255 characters or with NUL, and for `max_tokens` above 32 bits",
        statuses: &[422],
        names: &[
            (
                "v1",
                &[
                    "conv.create.bad_db.empty_title",
                    "conv.create.bad_db.max_tokens_huge",
                    "conv.create.bad_db.nul_in_title",
                    "conv.create.bad_db.title_256",
                    "conv.update.title_empty",
                ],
            ),
            ("v1_production", &["prod.create.empty_title"]),
            (
                "v2",
                &[
                    "conv.create.bad_db.max_tokens_huge",
                    "conv.create.bad_db.nul_in_title",
                    "conv.create.bad_db.title_256",
                    "conv.update.title_empty",
                ],
            ),
        ],
    },
    Difference {
        vendor: "500 for `tags`, an unknown `sort_by`, a `limit` above 64 bits",
        statuses: &[200, 422],
        names: &[
            (
                "v1",
                &[
                    "conv.list.500.limit=99999999999999999999",
                    "conv.list.500.sort_by=user",
                    "conv.list.500.tags=a&tags=b",
                ],
            ),
            ("v1_production", &["prod.list.tags"]),
            (
                "v2",
                &[
                    "conv.list.500.limit=99999999999999999999",
                    "conv.list.500.sort_by=user",
                    "conv.list.500.tags=a&tags=b",
                ],
            ),
        ],
    },
    Difference {
        vendor: "login, registration, renewal, and whatever else that server has beside the 22 operations",
        statuses: &[404],
        names: &[
            (
                "v1",
                &[
                    "auth.login.429",
                    "auth.login.wrong",
                    "auth.refresh.cookie",
                    "auth.refresh.no_cookie",
                    "auth.register.created",
                ],
            ),
            ("v1_production", &["prod.openapi"]),
            ("v2", &["auth.register.created"]),
        ],
    },
    Difference {
        vendor: "401 with `User not found`, tokens after logout, refresh tokens",
        statuses: &[401],
        names: &[("v1", &["auth.unknown_user_token"])],
    },
    Difference {
        vendor: r#"`stream: "maybe"` 422 (V1)"#,
        statuses: &[200],
        names: &[("v1", &["chat.422.stream_str"])],
    },
    Difference {
        vendor: "400 for one in a chat, in V1's and V2's words (`'NoneType' object …`)",
        statuses: &[404],
        names: &[
            (
                "v1",
                &[
                    "chat.bad_conversation_id",
                    "chat.other_users_conversation",
                    "chat.unknown_conversation",
                    "template.unknown_conversation",
                ],
            ),
            (
                "v2",
                &[
                    "chat.other_users_conversation",
                    "chat.unknown_conversation",
                    "template.unknown_conversation",
                ],
            ),
        ],
    },
    Difference {
        vendor: "400 for a `provider` that is not registered",
        statuses: &[200],
        names: &[
            ("v1", &["chat.failing_into_existing_rolls_back"]),
            ("v2", &["chat.failing_into_existing_rolls_back"]),
        ],
    },
    Difference {
        vendor: "200 with an apology where the model fails",
        statuses: &[502],
        names: &[
            ("v1", &["chat.llm_429", "chat.llm_500"]),
            ("v2", &["chat.llm_429", "chat.llm_500"]),
        ],
    },
    Difference {
        vendor: "400 with an exception's text for NUL in a message",
        statuses: &[400],
        names: &[("v1", &["chat.nul_char"]), ("v2", &["chat.nul_char"])],
    },
    Difference {
        vendor: "500 for an unknown `profile_id`, 400 in a chat",
        statuses: &[200, 201],
        names: &[
            (
                "v1",
                &[
                    "chat.unknown_profile",
                    "conv.create.bad_db.unknown_profile",
                    "conv.list.default",
                    "conv.list.q.limit=100000",
                ],
            ),
            (
                "v2",
                &[
                    "chat.unknown_profile",
                    "conv.create.bad_db.unknown_profile",
                    "conv.list.default",
                ],
            ),
        ],
    },
    Difference {
        vendor: "a deleted conversation can be read, changed and deleted again; 200 each time",
        statuses: &[200, 404],
        names: &[
            (
                "v1",
                &[
                    "chatconv.delete.twice",
                    "conv.get.after_delete",
                    "conv.get.after_zombie",
                    "conv.list.status_deleted_after_delete",
                    "conv.update.after_delete",
                    "msgs.list.after_delete",
                ],
            ),
            (
                "v2",
                &[
                    "conv.get.after_delete",
                    "conv.get.after_zombie",
                    "conv.list.status_deleted_after_delete",
                    "conv.update.after_delete",
                    "msgs.list.after_delete",
                ],
            ),
        ],
    },
    Difference {
        vendor: "K5 as V1 has it (`total_count`, filters)",
        statuses: &[422],
        names: &[("v1", &["chatconv.list.limit=101"])],
    },
    Difference {
        vendor: "V2: 404 for all of `K/conversations`",
        statuses: &[200, 201, 401, 404, 422],
        names: &[(
            "v2",
            &[
                "auth.none.GET/api/v1/chat/conversations",
                "chatconv.create",
                "chatconv.delete.unknown",
                "chatconv.get",
                "chatconv.get.no_messages",
                "chatconv.list.limit=0",
                "chatconv.list.limit=101",
                "chatconv.update",
                "chatconv.update.unknown",
                "chatmsgs.list",
                "chatrating.ok_undocumented",
            ],
        )],
    },
    Difference {
        vendor: "500 for an unknown or foreign conversation (`GET`, messages)",
        statuses: &[404],
        names: &[
            ("v1", &["conv.get.id.unknown", "msgs.list.unknown_conv"]),
            (
                "v2",
                &[
                    "conv.get.id.unknown",
                    "get.unknown",
                    "msgs.list.unknown_conv",
                    "msgs.unknown",
                ],
            ),
        ],
    },
    Difference {
        vendor: "drops `description`, `system_prompt`, `enable_retrieval`",
        statuses: &[200],
        names: &[
            ("v1", &["conv.list.q.enable_retrieval=1"]),
            ("v2", &["conv.list.q.enable_retrieval=1"]),
        ],
    },
    Difference {
        vendor: "metadata and `workflow_config` can be written once",
        statuses: &[200],
        names: &[
            (
                "v1",
                &[
                    "conv.update.metadata_with_title",
                    "conv.update.status_deleted",
                    "conv.update.title_null",
                    "conv.update.undelete",
                    "conv.update.workflow_config",
                ],
            ),
            (
                "v2",
                &[
                    "conv.update.metadata_with_title",
                    "conv.update.title_null",
                    "conv.update.undelete",
                    "conv.update.workflow_config",
                ],
            ),
        ],
    },
    Difference {
        vendor: "`Invalid host header`, CORS",
        statuses: &[200],
        names: &[("v1", &["http.bad_host"]), ("v2", &["http.bad_host"])],
    },
    Difference {
        vendor: "500 of `performance/stats` and `mcp/status`",
        statuses: &[200],
        names: &[
            (
                "v1",
                &[
                    "mcp.status",
                    "performance.stats",
                    "rate.other_ip_not_limited",
                ],
            ),
            (
                "v2",
                &["mcp.status", "mcp/status", "rate.other_ip_not_limited"],
            ),
        ],
    },
    Difference {
        vendor: "V1: each answer stored twice, all messages at one time, `[1,0]`",
        statuses: &[200],
        names: &[("v1", &["msgs.list.limit=2&offset=4"])],
    },
    Difference {
        vendor: "V1: no tokens in streams, and locked conversations",
        statuses: &[200],
        names: &[(
            "v1",
            &[
                "poison.stream_into_existing",
                "stream.accept_json",
                "stream.new_conversation",
                "stream.stream_true_field",
            ],
        )],
    },
    Difference {
        vendor: "`message_id` in every frame of an answer",
        statuses: &[200],
        names: &[(
            "v2",
            &[
                "poison.stream_into_existing",
                "stream.accept_json",
                "stream.new",
                "stream.new_conversation",
                "stream.stream_true_field",
                "stream.unicode",
                "stream.workflow.full",
                "stream.workflow.tools",
            ],
        )],
    },
];

/// Members that the vendor leaves null and the facade fills where it knows them.
pub(super) const FILLED: &[&str] = &[
    "description",
    "finish_reason",
    "last_message_at",
    "provider_used",
    "response_time_ms",
    "system_prompt",
];
