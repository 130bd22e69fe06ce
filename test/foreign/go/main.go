// A worker of somebody else's: it knows Temporal, and nothing of an office that may adopt what fails here.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// What payloads are written with: the workflows read their memo by it.
var dataConverter = converter.GetDefaultDataConverter()

func main() {
	address := flag.String("address", client.DefaultHostPort, "of Temporal's frontend")
	namespace := flag.String("namespace", client.DefaultNamespace, "to work in")
	taskQueue := flag.String("task-queue", "parcels", "to take work from")
	mirrored := flag.Bool("mirrored", false, "write and read payloads with the mirror codec")
	flag.Parse()

	if *mirrored {
		dataConverter = converter.NewCodecDataConverter(dataConverter, mirrorCodec{})
	}
	connection, err := client.Dial(client.Options{
		HostPort:      *address,
		Namespace:     *namespace,
		DataConverter: dataConverter,
		Logger:        quiet{},
	})
	if err != nil {
		log.Fatalln(err)
	}
	defer connection.Close()

	parcels := worker.New(connection, *taskQueue, worker.Options{})
	for name, code := range workflows {
		parcels.RegisterWorkflowWithOptions(code, workflow.RegisterOptions{Name: name})
	}
	for name, code := range activities {
		parcels.RegisterActivityWithOptions(code, activity.RegisterOptions{Name: name})
	}
	if err := parcels.Start(); err != nil {
		log.Fatalln(err)
	}
	fmt.Println("ready")
	// Whoever started it holds its input open: it ends with that process, however that one ends.
	_, _ = io.Copy(io.Discard, os.Stdin)
	parcels.Stop()
}

// Everything fails here by design, and each failure is a warning of the SDK's.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(message string, values ...any) {
	log.Println(append([]any{message}, values...)...)
}
