/**
 * S3's XML: documents come in through a schema, and go out with S3's name space.
 * Values stay strings, so an ETag or a key made of digits keeps its form.
 */
import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { S3Error } from './errors.ts';

const NAME_SPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** Elements that may repeat: always a list, also when there is one. */
const LISTS = new Set([
  'AllowedHeader',
  'AllowedMethod',
  'AllowedOrigin',
  'CORSRule',
  'Event',
  'ExposeHeader',
  'FilterRule',
  'Part',
  'QueueConfiguration',
  'Tag',
]);

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  isArray: (name) => LISTS.has(name),
});

const builder = new XMLBuilder({ ignoreAttributes: false });

/** Parses a request document; throws MalformedXML when it is not what the schema asks for. */
export function parseXml<Document>(text: string, schema: z.ZodType<Document>): Document {
  let content: unknown;
  try {
    content = parser.parse(text, true);
  } catch (cause) {
    throw malformed(cause);
  }
  const result = schema.safeParse(content);
  if (!result.success) throw malformed(result.error);
  return result.data;
}

/** An element of members, all of which may be missing: without any of them the parser reads text. */
export function elementOf<Members extends z.ZodType>(members: Members) {
  return z.preprocess((value) => (typeof value === 'string' ? {} : value), members);
}

/** Builds an answer document in S3's name space. */
export function buildXml(root: string, content: Record<string, unknown>): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build({ [root]: { '@_xmlns': NAME_SPACE, ...content } })}`;
}

/** Builds S3's error document, which has no name space. */
export function buildErrorXml(error: Record<string, string>): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build({ Error: error })}`;
}

function malformed(cause: unknown): S3Error {
  const message = 'The XML you provided was not well-formed or did not validate against our published schema';
  return new S3Error('MalformedXML', message, { cause });
}
