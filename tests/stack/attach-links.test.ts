import { describe, expect, it } from '@jest/globals';
import { FORM_TYPE, filePart, form } from '../support/form.ts';
import { useProduct } from '../support/use-product.ts';

const product = await useProduct({ environment: { OVERSIZE: 'link', MAX_FILE_BYTES: '1000' } });

describe("IPD's own upload route, and a file that ends as a link", () => {
  it('says that there is no attachment, and where the link can be read', async () => {
    const file = filePart('film.mp4', Buffer.alloc(1001, 'film'), 'video/mp4');

    const { status, headers, body } = await product.attach(form(file), { 'content-type': FORM_TYPE });

    const found = await product.call(`GET ${headers.get('location')}`);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        status: 'success',
        message: 'The work item has a link to the file, no attachment.',
        result: null,
      },
    });
    expect(found.body).toMatchObject({ attachment: null, link: { url: (await product.links())[0]?.url } });
  });
});
