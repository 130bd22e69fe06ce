package main

import (
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// Writes each payload back to front, under an encoding of its own: whoever has not this codec can't read it.
type mirrorCodec struct{}

const mirrored = "binary/mirrored"

func (mirrorCodec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return each(payloads, func(plain *commonpb.Payload) (*commonpb.Payload, error) {
		data, err := proto.Marshal(plain)
		if err != nil {
			return nil, err
		}
		slices.Reverse(data)
		metadata := map[string][]byte{converter.MetadataEncoding: []byte(mirrored)}
		return &commonpb.Payload{Metadata: metadata, Data: data}, nil
	})
}

func (mirrorCodec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return each(payloads, func(written *commonpb.Payload) (*commonpb.Payload, error) {
		if string(written.Metadata[converter.MetadataEncoding]) != mirrored {
			return written, nil
		}
		data := slices.Clone(written.Data)
		slices.Reverse(data)
		plain := &commonpb.Payload{}
		return plain, proto.Unmarshal(data, plain)
	})
}

func each(
	payloads []*commonpb.Payload, change func(*commonpb.Payload) (*commonpb.Payload, error),
) ([]*commonpb.Payload, error) {
	changed := make([]*commonpb.Payload, 0, len(payloads))
	for _, payload := range payloads {
		next, err := change(payload)
		if err != nil {
			return nil, err
		}
		changed = append(changed, next)
	}
	return changed, nil
}
