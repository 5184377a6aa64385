import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '../../../lib/domain/units.ts';
import { runCommandLine } from '../../support/run-command.ts';
import { useDirectory } from '../../support/use-directory.ts';
import { useProduct } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

const directory = await useDirectory();
const product = await useProduct({ environment: { OVERSIZE: 'link', MAX_FILE_BYTES: String(MIB) } });

async function sample(name: string, size: number) {
  const bytes = randomBytes(size);
  const path = join(directory, name);
  await writeFile(path, bytes);
  return { path, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function upload(...args: string[]) {
  const place = ['--api', product.urls.apiUrl, '--project', projectId, '--issue', issueId];
  return runCommandLine('cli/upload.ts', [...place, ...args], { UPLOAD_TOKEN: product.token }).ended;
}

describe('npm run upload of a file that is larger than IPD takes', () => {
  it('brings exactly one link to the work item, which leads to the same bytes', async () => {
    const film = await sample('现场视频.mp4', 12 * MIB);

    const { code, stdout, stderr } = await upload(film.path, '--json');

    const { uploads } = JSON.parse(stdout[0] ?? '');
    const links = await product.links();
    expect(code).toBe(0);
    expect(links).toMatchObject([{ title: expect.stringContaining('现场视频.mp4') }]);
    expect(uploads).toMatchObject([
      { status: 'delivered', attachment: null, link: { id: links[0]?.id, url: links[0]?.url } },
    ]);
    expect(stderr[1]).toBe('  cannot be an attachment; the work item gets a link to it');
    const bytes = Buffer.from(await (await fetch(uploads[0].link.url)).arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(film.sha256);
    expect(await product.received()).toEqual([]);
  });

  it('attaches a smaller one as before', async () => {
    const photo = await sample('photo.jpg', MIB);

    const { stdout, stderr } = await upload(photo.path);

    expect(stdout).toEqual([expect.stringMatching(/: attachment \d{18,19}$/)]);
    expect(stderr.join('\n')).not.toContain('link');
    expect(await product.links()).toEqual([]);
  });
});
