from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

MIRRORED = b"binary/mirrored"


class MirrorCodec(PayloadCodec):
    """Writes each payload back to front, under an encoding of its own: whoever has not this codec can't read it."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(metadata={"encoding": MIRRORED}, data=plain.SerializeToString()[::-1]) for plain in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload.FromString(written.data[::-1]) if written.metadata.get("encoding") == MIRRORED else written
            for written in payloads
        ]
