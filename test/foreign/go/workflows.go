package main

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

var workflows = map[string]any{
	"ShipParcel":   shipParcel,
	"RefuseParcel": refuseParcel,
	"AwaitPickup":  awaitPickup,
	"FileScan":     fileScan,
}

var owner = temporal.NewSearchAttributeKeyKeyword("ParcelOwner")

// Three steps, of which the second fails until the printer is mended.
func shipParcel(ctx workflow.Context, parcel Parcel) (string, error) {
	ctx = withRetries(ctx)
	for _, step := range []string{"WeighParcel", "PrintLabel", "HandOver"} {
		if err := workflow.ExecuteActivity(ctx, step, parcel).Get(ctx, nil); err != nil {
			return "", err
		}
	}
	return parcel.ID + " is on its way", nil
}

// Fails by itself, after a step that went well.
func refuseParcel(ctx workflow.Context, parcel Parcel) (string, error) {
	ctx = withRetries(ctx)
	if err := workflow.ExecuteActivity(ctx, "WeighParcel", parcel).Get(ctx, nil); err != nil {
		return "", err
	}
	return "", temporal.NewApplicationErrorWithOptions("there is no such street", "AddressUnknown", temporal.ApplicationErrorOptions{
		Cause:   errors.New("the register has no Elm Street"),
		Details: []any{map[string]any{"street": "Elm Street", "number": 7}},
	})
}

// Asks whether somebody was there already, else waits for them, and so runs into the time limit that it was started with.
func awaitPickup(ctx workflow.Context, parcel Parcel) (string, error) {
	ctx = withRetries(ctx)
	var by string
	if err := workflow.ExecuteActivity(ctx, "AskAtDesk", parcel).Get(ctx, &by); err != nil {
		return "", err
	}
	if by == "" {
		workflow.GetSignalChannel(ctx, "picked-up").Receive(ctx, &by)
	}
	return parcel.ID + " was picked up by " + by, nil
}

// Several arguments, one of them bytes; what the memo and the search attributes say goes to the step as well.
func fileScan(ctx workflow.Context, title string, scan []byte, parcel Parcel) (int, error) {
	var note string
	if memo := workflow.GetInfo(ctx).Memo; memo != nil && memo.Fields["note"] != nil {
		if err := dataConverter.FromPayload(memo.Fields["note"], &note); err != nil {
			return 0, err
		}
	}
	ownedBy, _ := workflow.GetTypedSearchAttributes(ctx).GetKeyword(owner)
	var stored int
	err := workflow.ExecuteActivity(withRetries(ctx), "StoreScan", title, scan, note, ownedBy, parcel).Get(ctx, &stored)
	return stored, err
}

func withRetries(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    10 * time.Millisecond,
			BackoffCoefficient: 1,
			MaximumAttempts:    3,
		},
	})
}
