/** What a command prints. Quiet output swallows everything but errors. */
export class Output {
  quiet = false
  #text = ''

  get text(): string {
    return this.#text
  }

  reset(): void {
    this.#text = ''
  }

  write(text: string): void {
    if (!this.quiet) this.#text += text
  }

  /** What `body` prints is set in by two spaces. */
  indent<T>(body: () => T): T {
    const outer = this.#text
    this.#text = ''
    try {
      return body()
    } finally {
      const lines = this.#text.split('\n')
      if (lines[lines.length - 1] === '') lines.pop()
      this.#text = outer + lines.map(line => `  ${line}\n`).join('')
    }
  }
}
