/**
 * Reads what a producer offers, decides whether it is taken, and gives its upload the id, so that an offer that comes
 * twice finds the same upload. Pure.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { FailureCode } from '../domain/errors.ts';
import { filename, issueId, projectId, sha256, typeOrUnknown } from '../domain/fields.ts';
import { INGEST_PREFIX } from '../domain/ingestion.ts';
import type { FoundObject, IngestRequest, Offer, Refusal } from '../domain/ingestion.ts';
import { toName, toPlainText } from '../domain/plain-text.ts';
import { ingestOwner } from '../domain/upload.ts';

/** What is open for ingestion: the projects (`*` is all), and the largest file in bytes. */
/** Sizes in bytes: of the largest file that is taken, and the largest that becomes an attachment, if that is another one. */
export type Admission = {
  projects: readonly string[];
  maxFileBytes: number;
  mostAttached?: number | undefined;
};

const MAX_WHY_LENGTH = 500;

/** What a drop offers. `key`: `ingest/{projectId}/{issueId}/{name}`; the name may have folders before it, which do not count. */
export function offerOfDrop(
  { bucket, key, object }: { bucket: string; key: string; object: FoundObject },
  admission: Admission,
): Offer {
  const [project = '', issue = '', ...path] = key.slice(INGEST_PREFIX.length).split('/');
  const { metadata } = object;
  const given = {
    projectId: project,
    issueId: issue,
    filename: decoded(metadata['filename']) ?? path.at(-1) ?? '',
    sha256: metadata['sha256'] ?? object.sha256,
  };
  const fields = z.object({ projectId, issueId, filename, sha256: sha256.optional() }).safeParse(given);
  const about = {
    id: dropId({ bucket, key, etag: object.etag }),
    source: { kind: 'drop' as const, key, etag: object.etag, offer: object.putAt },
    uploadedBy: toName(decoded(metadata['uploaded-by']) ?? '') || undefined,
    contentType: typeOf(object),
    size: object.size,
  };
  if (!fields.success) return malformed(about, { given, why: whyOf(fields.error) });
  return offer({ ...about, ...fields.data }, admission);
}

/** The id of the upload that a drop leads to: the same bytes under the same key are the same upload. */
export function dropId({ bucket, key, etag }: { bucket: string; key: string; etag: string }): string {
  return nameBasedId('drop', bucket, key, etag);
}

/** What a request offers; `offerId` tells one message from another with the same request. */
export function offerOfRequest(
  { requestId: name, source, uploadedBy, ...given }: IngestRequest,
  { object, offerId }: { object: FoundObject; offerId: string },
  admission: Admission,
): Offer {
  const sourceName = filename.safeParse(given.filename ?? source.key.split('/').at(-1));
  const about = {
    ...aboutRequest({ requestId: name, source, etag: object.etag, offerId }),
    uploadedBy: uploadedBy || undefined,
    contentType: given.contentType ?? typeOf(object),
    size: object.size,
    sha256: object.sha256,
  };
  if (!sourceName.success) {
    return malformed(about, { given: { ...given, filename: source.key }, why: whyOf(sourceName.error) });
  }
  return offer({ ...about, ...given, filename: sourceName.data, contentType: about.contentType }, admission);
}

/** A request whose object cannot be had. */
export function refusedRequest(
  { requestId: name, source, ...given }: IngestRequest,
  { offerId, refusal }: { offerId: string; refusal: Refusal },
): Offer {
  const about = {
    ...aboutRequest({ requestId: name, source, etag: '', offerId }),
    owner: ingestOwner(given.projectId),
    projectId: given.projectId,
    issueId: given.issueId,
    ...named(given.filename ?? source.key),
    contentType: typeOrUnknown(given.contentType),
    size: 0,
  };
  return { upload: about, refusal };
}

/** A message that has the id of a request, and is none: its id differs from that of a good request of this name. */
export function malformedRequest(
  { requestId: name, body, error }: { requestId: string; body: unknown; error: z.ZodError },
  { offerId }: { offerId: string },
): Offer {
  const source = { bucket: '', key: '' };
  const about = {
    ...aboutRequest({ requestId: name, source, etag: '', offerId }),
    id: nameBasedId('malformed request', JSON.stringify(body)),
    contentType: typeOrUnknown(undefined),
    size: 0,
  };
  const {
    projectId: project,
    issueId: issue,
    filename: given,
  } = z
    .object({
      projectId: z.string().catch(''),
      issueId: z.string().catch(''),
      filename: z.string().catch(''),
    })
    .parse(body);
  return malformed(about, {
    given: { projectId: project, issueId: issue, filename: given },
    why: whyOf(error),
  });
}

/** The same offer, refused under an id of its own. */
export function refusedAsReused({ upload }: Offer): Offer {
  const { source } = upload;
  const asked =
    source.kind === 'request' ? [source.requestId, source.bucket, source.key, source.versionId] : [];
  return {
    upload: {
      ...upload,
      id: nameBasedId('reused request', JSON.stringify([...asked, upload.projectId, upload.issueId])),
    },
    refusal: {
      code: 'ingest_request_reused',
      detail: 'the first request with this requestId asked for another upload',
    },
  };
}

function offer(upload: Omit<Offer['upload'], 'owner' | 'sentName'>, admission: Admission): Offer {
  const { projects, maxFileBytes, mostAttached = maxFileBytes } = admission;
  const whole = { ...upload, owner: ingestOwner(upload.projectId), sentName: upload.filename };
  const refuse = (code: FailureCode, detail: string): Offer => ({ upload: whole, refusal: { code, detail } });
  if (!projects.includes('*') && !projects.includes(upload.projectId)) {
    return refuse('ingest_project_closed', `INGEST_PROJECTS does not name ${upload.projectId}`);
  }
  if (upload.size === 0) return refuse('ingest_empty', 'the object has 0 bytes');
  if (upload.size > maxFileBytes) {
    return refuse(
      'ingest_too_large',
      `the object has ${upload.size} bytes; at most ${maxFileBytes} are taken`,
    );
  }
  return upload.size > mostAttached
    ? { upload: { ...whole, asLink: 'too_large' }, refusal: undefined }
    : { upload: whole, refusal: undefined };
}

/** An offer of which a part has not the form that it must have: kept as far as it can be shown. */
function malformed(
  about: Pick<Offer['upload'], 'id' | 'source' | 'contentType' | 'size' | 'uploadedBy'>,
  { given, why }: { given: { projectId: string; issueId: string; filename: string }; why: string },
): Offer {
  const project = projectId.safeParse(given.projectId);
  const upload = {
    ...about,
    sha256: undefined,
    owner: ingestOwner(project.success ? project.data : ''),
    projectId: toName(given.projectId),
    issueId: toName(given.issueId),
    ...named(given.filename),
  };
  return { upload, refusal: { code: 'ingest_malformed', detail: why } };
}

function aboutRequest({
  requestId: name,
  source,
  etag,
  offerId,
}: Pick<IngestRequest, 'requestId' | 'source'> & { etag: string; offerId: string }) {
  return {
    id: nameBasedId('request', name),
    source: { kind: 'request' as const, requestId: name, ...source, etag, offer: offerId },
  };
}

function named(text: string): { filename: string; sentName: string } {
  const name = toName(text);
  return { filename: name, sentName: name };
}

/** Storage's own name for an object that was put without a type is no type: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html */
function typeOf({ contentType }: FoundObject): string {
  return typeOrUnknown(contentType === 'binary/octet-stream' ? undefined : contentType);
}

/** User metadata holds percent-encoded UTF-8, since headers carry ASCII alone. What cannot be decoded is taken as it is. */
function decoded(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Each place at fault, with what it must be. A message may name more of them than a record can have. */
function whyOf({ issues }: z.ZodError): string {
  const why = issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()).join('; ');
  return toPlainText(why).slice(0, MAX_WHY_LENGTH);
}

/** The same names, the same id. https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8, with SHA-256 */
export function nameBasedId(...names: string[]): string {
  const bytes = createHash('sha256').update(JSON.stringify(names)).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
