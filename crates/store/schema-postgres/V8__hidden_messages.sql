-- Messages that were deleted here while their backend still has them: found by when they were said.
CREATE INDEX overlay_messages_hidden ON overlay_messages (conversation, time, arrival) WHERE hidden = 1 AND gone = 0;
