/** What a run's payloads may weigh, encoded: Temporal refuses 2 MiB, and a record needs some room beside them. */
export const maximumInputBytes = 1_900_000;
