/** One word of POSIX sh: the shell reads exactly `text` back, whatever it holds. */
export function shellWord(text: string | number): string {
  const word = String(text);
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
