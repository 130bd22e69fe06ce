from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities import Parcel, ask_at_desk, hand_over, print_label, store_scan, weigh_parcel

OWNER = SearchAttributeKey.for_keyword("ParcelOwner")

RETRIES = {
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=10), backoff_coefficient=1, maximum_attempts=3
    ),
}


@workflow.defn
class ShipParcel:
    """Three steps, of which the second fails until the printer is mended."""

    @workflow.run
    async def run(self, parcel: Parcel) -> str:
        for step in (weigh_parcel, print_label, hand_over):
            await workflow.execute_activity(step, parcel, **RETRIES)
        return f"{parcel.id} is on its way"


@workflow.defn
class RefuseParcel:
    """Fails by itself, after a step that went well."""

    @workflow.run
    async def run(self, parcel: Parcel) -> str:
        await workflow.execute_activity(weigh_parcel, parcel, **RETRIES)
        raise ApplicationError(
            "there is no such street", {"street": "Elm Street", "number": 7}, type="AddressUnknown"
        ) from LookupError("the register has no Elm Street")


@workflow.defn
class AwaitPickup:
    """Asks whether somebody was there already, else waits for them, and so runs into the time limit that it was
    started with."""

    def __init__(self) -> None:
        self.by: str | None = None

    @workflow.run
    async def run(self, parcel: Parcel) -> str:
        by = await workflow.execute_activity(ask_at_desk, parcel, **RETRIES)
        await workflow.wait_condition(lambda: by != "" or self.by is not None)
        return f"{parcel.id} was picked up by {by or self.by}"

    @workflow.signal(name="picked-up")
    def picked_up(self, by: str) -> None:
        self.by = by


@workflow.defn
class FileScan:
    """Several arguments, one of them bytes; what the memo and the search attributes say goes to the step as well."""

    @workflow.run
    async def run(self, title: str, scan: bytes, parcel: Parcel) -> int:
        note = workflow.memo_value("note", "")
        owner = workflow.info().typed_search_attributes.get(OWNER, "")
        return await workflow.execute_activity(store_scan, args=[title, scan, note, owner, parcel], **RETRIES)


workflows = [ShipParcel, RefuseParcel, AwaitPickup, FileScan]
