import { cleanText } from "../model/clean.ts";

/** A pattern for `like` that finds the text anywhere, whatever is in it. */
export function likePattern(text: string): string {
  return `%${escapeLike(cleanText(text))}%`;
}

/** A pattern for `like` where `*` stands for any characters. */
export function namePattern(name: string): string {
  return name
    .split("*")
    .map((part) => escapeLike(cleanText(part)))
    .join("%");
}

function escapeLike(text: string): string {
  return text.replace(/[%_\\]/g, "\\$&");
}
