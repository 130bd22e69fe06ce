/** RFC 4180, told apart from ours by hand: an unquoted empty cell is null, a quoted one an empty text. */
export function parseCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let at = 0;
  while (at < text.length) {
    let cell: string | null;
    if (text[at] === '"') {
      let value = "";
      for (;;) {
        const end = text.indexOf('"', at + 1);
        value += text.slice(at + 1, end);
        at = end + 1;
        if (text[at] !== '"') break;
        value += '"';
      }
      cell = value;
    } else {
      let end = at;
      while (end < text.length && text[end] !== "," && text[end] !== "\n") end++;
      cell = end === at ? null : text.slice(at, end);
      at = end;
    }
    row.push(cell);
    if (text[at] === "\n") {
      rows.push(row);
      row = [];
    }
    // A comma at the very end of a line is followed by one more cell.
    else if (text[at + 1] === "\n") {
      row.push(null);
      at++;
      rows.push(row);
      row = [];
    }
    at++;
  }
  return rows;
}
