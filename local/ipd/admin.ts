/**
 * The admin API for tests and demos: what is stored, the request log, faults, settings, a transcript, and a reset.
 * It has no authentication, so the server must answer programs and web pages of this machine only.
 */
import { z } from 'zod';
import type { createFaults } from './fault-rules.ts';
import type { Comment } from './comments.ts';
import type { Link } from './links.ts';
import type { RequestRecord } from './request-log.ts';
import type { Settings } from './settings.ts';
import {
  headerOf,
  targetOf,
  type Attachment,
  type IpdRequest,
  type Reply,
  type Row,
  type WorkItem,
} from './types.ts';

export type Admin = {
  attachments: () => Attachment[];
  /** Deletes an attachment, as a person does on IPD's own page; false where there is none with this id. */
  removeAttachment: (id: string) => boolean;
  links: () => Link[];
  /** Adds a link, as a person does. */
  plantLink: (link: WorkItem & { title: string; url: string }) => Link;
  removeLink: (id: string) => boolean;
  comments: () => Comment[];
  requests: readonly RequestRecord[];
  faults: ReturnType<typeof createFaults>;
  settings: () => Settings;
  /** Replaces the settings; one that is not given gets the value with which the server was started. */
  replaceSettings: (input: object) => void;
  /** Answers to uploads and lists as a tenant did, for as long as the transcript goes; returns how many exchanges it has. */
  replaceTranscript: (input: unknown) => number;
  reset: () => Promise<void>;
};

export const ADMIN_PATH = '/__admin';

/** Answers one admin request; a 400 says what is wrong with a body. */
export async function answerAdmin(admin: Admin, request: IpdRequest): Promise<Reply> {
  const { path } = targetOf(request.url);
  const [, kind, id] = /^\/(attachments|links)\/(\d+)$/.exec(path.slice(ADMIN_PATH.length)) ?? [];
  try {
    if (request.method === 'DELETE' && id !== undefined) {
      const isRemoved = kind === 'links' ? admin.removeLink(id) : admin.removeAttachment(id);
      if (isRemoved) return { status: 204 };
      return {
        status: 404,
        json: { message: `there is no ${kind === 'links' ? 'link' : 'attachment'} ${id}` },
      };
    }
    switch (`${request.method} ${path.slice(ADMIN_PATH.length).replace(/\/$/, '')}`) {
      case 'GET /attachments':
        return { status: 200, headers: corsOf(request), json: describeAttachments(admin.attachments()) };
      case 'GET /links':
        return { status: 200, headers: corsOf(request), json: admin.links().map(withTimes) };
      case 'POST /links':
        return { status: 201, json: withTimes(admin.plantLink(plantedLink.parse(await readJson(request)))) };
      case 'GET /comments':
        return { status: 200, headers: corsOf(request), json: admin.comments().map(withTimes) };
      case 'GET /requests':
        return { status: 200, json: admin.requests };
      case 'GET /faults':
        return { status: 200, json: admin.faults.list() };
      case 'PUT /faults':
        admin.faults.replace(await readJson(request));
        return { status: 200, json: admin.faults.list() };
      case 'GET /settings':
        return { status: 200, json: admin.settings() };
      case 'PUT /settings':
        admin.replaceSettings(z.looseObject({}).parse(await readJson(request)));
        return { status: 200, json: admin.settings() };
      case 'PUT /transcript':
        return { status: 200, json: { exchanges: admin.replaceTranscript(await readJson(request)) } };
      case 'DELETE ':
        await admin.reset();
        return { status: 204 };
      default:
        return { status: 404, json: { message: `there is no ${request.method} ${path}` } };
    }
  } catch (error) {
    if (error instanceof SyntaxError) return { status: 400, json: { message: `not JSON: ${error.message}` } };
    if (error instanceof z.ZodError) return { status: 400, json: { message: z.prettifyError(error) } };
    throw error;
  }
}

const plantedLink = z.strictObject({
  projectId: z.string(),
  issueId: z.string(),
  title: z.string(),
  url: z.string(),
});

function describeAttachments(attachments: Attachment[]): unknown {
  return attachments.map(({ id, projectId, issueId, size, sha256, filename, rawFilename, ...rest }) => ({
    id,
    projectId,
    issueId,
    size,
    sha256,
    filename,
    rawFilename,
    contentType: rest.contentType,
    createdAt: timeOf(rest.createdAt),
    visibleAt: timeOf(rest.visibleAt),
  }));
}

/** `goneAt`: when a link is to go that is there still; null: it stays. */
function withTimes<Content>({ hiddenAt, goneAt, createdAt, visibleAt, ...row }: Row<Content>): unknown {
  return {
    ...row,
    createdAt: timeOf(createdAt),
    visibleAt: timeOf(visibleAt),
    goneAt: timeOf(goneAt),
    hiddenAt: timeOf(hiddenAt),
  };
}

function timeOf(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

/** Allows every origin, so that the demo page can read the attachments: the server has checked the origin already. */
function corsOf({ headers }: IpdRequest): Record<string, string> {
  const origin = headerOf(headers, 'origin');
  return { vary: 'origin', ...(origin !== undefined && { 'access-control-allow-origin': origin }) };
}

async function readJson(request: IpdRequest): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request.body) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
