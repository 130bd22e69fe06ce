package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// What a workflow is about, and two paths: each step writes a line to the journal, and what is broken works once the
// file `mended` exists.
type Parcel struct {
	ID      string `json:"id"`
	Journal string `json:"journal"`
	Mended  string `json:"mended"`
}

var activities = map[string]any{
	"WeighParcel": weighParcel,
	"PrintLabel":  printLabel,
	"HandOver":    handOver,
	"AskAtDesk":   askAtDesk,
	"StoreScan":   storeScan,
}

func weighParcel(ctx context.Context, parcel Parcel) error {
	return record(ctx, parcel, nil)
}

func printLabel(ctx context.Context, parcel Parcel) error {
	if err := record(ctx, parcel, nil); err != nil {
		return err
	}
	if broken(parcel) {
		return temporal.NewApplicationErrorWithCause(
			fmt.Sprintf("printer 7 is offline, attempt %d", activity.GetInfo(ctx).Attempt), "PrinterOffline",
			errors.New("connection refused"), map[string]any{"printer": 7},
		)
	}
	return nil
}

func handOver(ctx context.Context, parcel Parcel) error {
	return record(ctx, parcel, nil)
}

// Who has picked it up, if anybody.
func askAtDesk(ctx context.Context, parcel Parcel) (string, error) {
	if err := record(ctx, parcel, nil); err != nil || broken(parcel) {
		return "", err
	}
	return "somebody", nil
}

func storeScan(ctx context.Context, title string, scan []byte, note string, owner string, parcel Parcel) (int, error) {
	received := map[string]any{
		"title": title, "scan": base64.StdEncoding.EncodeToString(scan), "note": note, "owner": owner,
	}
	if err := record(ctx, parcel, received); err != nil {
		return 0, err
	}
	if broken(parcel) {
		return 0, temporal.NewNonRetryableApplicationError("the disk is full", "DiskFull", nil)
	}
	return len(scan), nil
}

func record(ctx context.Context, parcel Parcel, received map[string]any) error {
	info := activity.GetInfo(ctx)
	line, err := json.Marshal(map[string]any{
		"step": info.ActivityType.Name, "parcel": parcel.ID, "attempt": info.Attempt, "received": received,
	})
	if err != nil {
		return err
	}
	journal, err := os.OpenFile(parcel.Journal, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer journal.Close()
	_, err = journal.Write(append(line, '\n'))
	return err
}

func broken(parcel Parcel) bool {
	_, err := os.Stat(parcel.Mended)
	return err != nil
}
