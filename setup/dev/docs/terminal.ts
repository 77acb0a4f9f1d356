/** The picture of a terminal, an SVG of recorded transcripts. */

const FONT_SIZE = 13;
const LINE_HEIGHT = 18;
/** Width of a character of the usual monospace fonts, in parts of the font size. */
const CHARACTER = 0.602;
const MARGIN = 16;

const COLOURS = {
  background: "#0d1117",
  text: "#c9d1d9",
  prompt: "#7ee787",
  good: "#7ee787",
  changed: "#d29922",
};

/** Draws transcripts one below the other. */
export function terminalPicture(transcripts: readonly string[]): string {
  const lines = transcripts.join("\n\n").split("\n");
  const columns = Math.max(...lines.map((line) => line.length));
  const width = Math.ceil(columns * FONT_SIZE * CHARACTER) + 2 * MARGIN;
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
  const texts = lines.flatMap((line, index) => {
    const y = MARGIN + (index + 1) * LINE_HEIGHT - 4;
    return line === ""
      ? []
      : [`  <text x="${MARGIN}" y="${y}" fill="${colourOf(line)}">${escaped(line)}</text>`];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A terminal with a run of warmbox" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="${FONT_SIZE}" xml:space="preserve">
  <rect width="100%" height="100%" rx="8" fill="${COLOURS.background}"/>
${texts.join("\n")}
</svg>
`;
}

function colourOf(line: string): string {
  if (line.startsWith("$ ")) return COLOURS.prompt;
  if (/^ \+ /.test(line)) return COLOURS.good;
  return /^ ~ /.test(line) ? COLOURS.changed : COLOURS.text;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
