"""A worker of somebody else's: it knows Temporal, and nothing of an office that may adopt what fails here."""

import argparse
import asyncio
import dataclasses
import logging
import sys

import temporalio.converter
from temporalio.client import Client
from temporalio.worker import Worker

from activities import activities
from codec import MirrorCodec
from workflows import workflows


async def main() -> None:
    flags = argparse.ArgumentParser()
    flags.add_argument("--address", default="localhost:7233", help="of Temporal's frontend")
    flags.add_argument("--namespace", default="default", help="to work in")
    flags.add_argument("--task-queue", default="parcels", help="to take work from")
    flags.add_argument("--mirrored", action="store_true", help="write and read payloads with the mirror codec")
    given = flags.parse_args()

    # Everything fails here by design, and each failure is a warning of the SDK's.
    logging.disable(logging.WARNING)
    converter = temporalio.converter.default()
    if given.mirrored:
        converter = dataclasses.replace(converter, payload_codec=MirrorCodec())
    client = await Client.connect(given.address, namespace=given.namespace, data_converter=converter)
    async with Worker(client, task_queue=given.task_queue, workflows=workflows, activities=activities):
        print("ready", flush=True)
        # Whoever started it holds its input open: it ends with that process, however that one ends.
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
