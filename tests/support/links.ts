/** A world in which files may end as links: its settings, what IPD shows of links, and what people do with them there. */
import { z } from 'zod';
import type { Upload } from '../../lib/domain/upload.ts';
import type { World } from './world.ts';

/** In bytes; a larger file ends as a link. */
export const LARGEST_ATTACHMENT = 10_000;
export const PUBLIC_URL = 'https://uploads.example.com';
export const LINK_KEY = 'a key for tests that is long enough';

export const linking = {
  OVERSIZE: 'link',
  PUBLIC_URL,
  LINK_KEY,
  MAX_FILE_BYTES: String(LARGEST_ATTACHMENT),
};

const rows = z.array(z.object({ id: z.string(), title: z.string(), url: z.string() }));

export function linksOf(world: World) {
  /** All links in IPD, the oldest first. */
  async function shown() {
    return rows.parse(await (await world.admin('GET', '/links')).json());
  }

  /** A person adds a link to the upload's work item. */
  async function plant({ projectId, issueId }: Upload, url: string): Promise<void> {
    await world.admin('POST', '/links', { projectId, issueId, title: 'by hand', url });
  }

  /** A person deletes a link. */
  async function uproot(id: string): Promise<void> {
    await world.admin('DELETE', `/links/${id}`);
  }

  async function isKept({ id }: Upload): Promise<boolean> {
    return (await world.staging.head(`linked/${id}`)) !== undefined;
  }

  /** How many requests for this operation IPD has had since the world was reset. */
  function calls(operation: string): number {
    return world.ipd.requests.filter((request) => request.operation === operation).length;
  }

  /** Sets the clock to when the upload is due, and has the sweep and a delivery act. */
  async function sweep({ id }: Upload, delivery = world.delivery): Promise<Upload> {
    const { dueAt } = await world.find(id);
    world.clock.set(Math.max(world.clock.now(), Date.parse(dueAt ?? '')));
    await world.sweep.run(AbortSignal.timeout(60_000));
    await delivery.onRequest({ uploadId: id, attempt: (await world.find(id)).attempts + 1 }, world.run());
    return world.find(id);
  }

  return { shown, plant, uproot, isKept, calls, sweep };
}
