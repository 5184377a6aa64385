/**
 * The header of one part of a form, read from its own bytes, because a parser that cleans up names would hide the bytes
 * that the client sent. Pure.
 */

export type PartHeader = {
  name: string | undefined;
  rawFilename: string | undefined;
  filename: string | undefined;
  hasExtendedFilename: boolean;
  contentType: string;
};

/** Reads the header's lines, up to the first empty line. */
export function readPartHeader(text: string): PartHeader {
  const [head = ''] = text.split('\r\n\r\n', 1);
  const lines = head.split('\r\n');
  const parameters = dispositionParameters(valueOfLine(lines, 'content-disposition'));
  const rawFilename = parameters.get('filename');
  return {
    name: parameters.get('name'),
    rawFilename,
    filename: rawFilename === undefined ? undefined : decodeBrowserEscapes(rawFilename),
    hasExtendedFilename: parameters.has('filename*'),
    contentType: valueOfLine(lines, 'content-type') || 'text/plain',
  };
}

function valueOfLine(lines: string[], name: string): string {
  const line = lines.find((candidate) => candidate.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? '' : line.slice(name.length + 1).trim();
}

function dispositionParameters(disposition: string): Map<string, string> {
  const found = disposition.matchAll(/;\s*([^=;\s]+)\s*=\s*(?:"([^"]*)"|([^;\s]*))/g);
  return new Map(
    Array.from(found, ([, name = '', quoted, token]) => [name.toLowerCase(), quoted ?? token ?? '']),
  );
}

/** The three escapes of https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function decodeBrowserEscapes(name: string): string {
  return name.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n');
}
