"""What the versions of the vendor's Python client spell differently, and how values are compared."""

import sunshine_conversations_client as sdk

VERSION = sdk.__version__
MAJOR = int(VERSION.split(".")[0])
# Version 16 cannot read the metadata of users and messages: it looks for a model that is called `dict`.
READS_METADATA = MAJOR != 16


class Mismatch(Exception):
    """Something is not as expected."""


def equal(what, found, expected):
    """Compares one value."""
    if found != expected:
        raise Mismatch(f"{what}: {found!r} instead of {expected!r}")


def refused(what, status, code, call, *arguments, **options):
    """A call that must fail with this status and this code in the vendor's error shape."""
    try:
        call(*arguments, **options)
    except sdk.ApiException as error:
        equal(f"{what}, status", error.status, status)
        body = error.body if isinstance(error.body, str) else error.body.decode()
        if f'"code":"{code}"' not in body.replace(": ", ":"):
            raise Mismatch(f"{what}: no code {code} in {body}") from error
        names = {401: "UnauthorizedException", 404: "NotFoundException", 409: "ConflictException"}
        if MAJOR >= 17 and status in names:
            equal(f"{what}, class", type(error).__name__, names[status])
        return
    raise Mismatch(f"{what}: no error, {status} {code} was expected")


def union(name, value):
    """A value of a union: version 17 wraps it in a model of its own, the others take it as it is."""
    return getattr(sdk, name)(value) if MAJOR >= 17 else value


def inner(value):
    """The value inside a union."""
    return getattr(value, "actual_instance", value)


def word(value):
    """An enumeration's word."""
    return getattr(value, "value", value)


def joining(user_id):
    """The body with which a user joins: version 9 has its members in another model only."""
    model = sdk.ParticipantJoinBody if MAJOR > 9 else sdk.ParticipantWithUserId
    return model(user_id=user_id, subscribe_sdk_client=False)


def field(**members):
    """A field of a form."""
    return (sdk.FormMessageField if MAJOR > 9 else sdk.Field)(**members)


def file_for(conversation_id):
    """The options of an upload that is meant for a message of this conversation."""
    name = "var_for" if MAJOR >= 17 else "_for"
    return {name: "message", "conversation_id": conversation_id}
