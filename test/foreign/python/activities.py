import base64
import json
import os
from dataclasses import dataclass
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError


@dataclass
class Parcel:
    """What a workflow is about, and two paths: each step writes a line to the journal, and what is broken works once
    the file `mended` exists."""

    id: str
    journal: str
    mended: str


@activity.defn(name="WeighParcel")
async def weigh_parcel(parcel: Parcel) -> None:
    record(parcel)


@activity.defn(name="PrintLabel")
async def print_label(parcel: Parcel) -> None:
    record(parcel)
    if broken(parcel):
        attempt = activity.info().attempt
        raise ApplicationError(
            f"printer 7 is offline, attempt {attempt}", {"printer": 7}, type="PrinterOffline"
        ) from ConnectionError("connection refused")


@activity.defn(name="HandOver")
async def hand_over(parcel: Parcel) -> None:
    record(parcel)


@activity.defn(name="AskAtDesk")
async def ask_at_desk(parcel: Parcel) -> str:
    """Who has picked it up, if anybody."""
    record(parcel)
    return "" if broken(parcel) else "somebody"


@activity.defn(name="StoreScan")
async def store_scan(title: str, scan: bytes, note: str, owner: str, parcel: Parcel) -> int:
    record(parcel, {"title": title, "scan": base64.b64encode(scan).decode(), "note": note, "owner": owner})
    if broken(parcel):
        raise ApplicationError("the disk is full", type="DiskFull", non_retryable=True)
    return len(scan)


activities = [weigh_parcel, print_label, hand_over, ask_at_desk, store_scan]


def record(parcel: Parcel, received: dict[str, Any] | None = None) -> None:
    info = activity.info()
    line = {"step": info.activity_type, "parcel": parcel.id, "attempt": info.attempt, "received": received}
    with open(parcel.journal, "a") as journal:
        journal.write(json.dumps(line) + "\n")


def broken(parcel: Parcel) -> bool:
    return not os.path.exists(parcel.mended)
