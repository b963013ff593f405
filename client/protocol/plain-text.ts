/** What a terminal obeys instead of showing it: controls, ends of lines, and marks that turn the direction of writing (UAX 9, 2.1 to 2.4). */
const COMMANDS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu
const INSTEAD = '\ufffd'

/** Text that others may have written, on one line. */
export function plainLine(text: string): string {
  return text.replace(COMMANDS, INSTEAD)
}

/** The same with its lines and tabs. */
export function plainText(text: string): string {
  return text.replace(COMMANDS, found => (found === '\n' || found === '\t' ? found : INSTEAD))
}
