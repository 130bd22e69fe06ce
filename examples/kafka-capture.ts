// Captures what a Kafka consumer could not process, and goes on. With kafkajs, or what is compatible with it (Confluent's client):
//
//   const dlo = await connect();
//   await consumer.run({ eachMessage: capturing(dlo, bookOrder, async ({ message }) => book(JSON.parse(String(message.value)))) });
//
// Plain functions: tested on recorded messages, without a broker.
import type { CapturedRecord, Dlo } from "dead-letter-office/client";

/** What of kafkajs's `EachMessagePayload` is used. */
export type KafkaMessage = {
  readonly topic: string;
  readonly partition: number;
  readonly message: {
    readonly offset: string;
    readonly key?: Buffer | string | null;
    readonly value: Buffer | string | null;
    readonly timestamp?: string;
    readonly headers?: Readonly<Record<string, HeaderValue | HeaderValue[] | undefined>>;
  };
  /** Keeps the consumer in its group while the office is waited for. */
  heartbeat?(): Promise<void>;
};

type HeaderValue = Buffer | string;

export type KafkaOptions<Message extends KafkaMessage> = {
  /** Tells clusters apart that have topics of one name. @default "kafka" */
  readonly system?: string;
  /** The job's input, where it is not the message's value. @default the value as JSON, or its bytes where it is none */
  readonly payload?: (message: Message) => unknown;
};

/**
 * Wraps an `eachMessage`: what it throws becomes a letter whose retry runs the job.
 *
 * Resolves where the message was processed or its letter is there, and kafkajs commits its offset. Throws where neither is so: the
 * offset stays, and the message comes again.
 */
export function capturing<Message extends KafkaMessage>(
  { letters }: Pick<Dlo, "letters">,
  job: CapturedRecord["job"],
  eachMessage: (message: Message) => Promise<void>,
  options: KafkaOptions<Message> = {},
): (message: Message) => Promise<void> {
  return async (given) => {
    try {
      await eachMessage(given);
    } catch (error) {
      const beats = setInterval(() => void given.heartbeat?.().catch(() => undefined), 3000);
      try {
        await letters.capture(recordOf(given, job, error, options));
      } catch (refusal) {
        throw new AggregateError(
          [refusal, error],
          `Neither processed nor captured: ${refusal instanceof Error ? refusal.message : String(refusal)}`,
          { cause: refusal },
        );
      } finally {
        clearInterval(beats);
      }
    }
  };
}

function recordOf<Message extends KafkaMessage>(
  given: Message,
  job: CapturedRecord["job"],
  error: unknown,
  { system = "kafka", payload = ({ message }) => inputOf(message.value) }: KafkaOptions<Message>,
): CapturedRecord {
  const { topic, partition, message } = given;
  const key = message.key?.toString();
  return {
    job,
    payload: payload(given),
    source: { system, topic, partition, offset: message.offset },
    error,
    ...(message.headers === undefined ? {} : { headers: message.headers }),
    // A longer one, or an empty one, is none that letters are found by.
    ...(key === undefined || key === "" || key.length > 255 ? {} : { key }),
    tags: [`topic:${topic}`],
  };
}

function inputOf(value: KafkaMessage["message"]["value"]): unknown {
  if (value === null) return null;
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    return new Uint8Array(bytes);
  }
}
