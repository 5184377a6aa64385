// The check opens this page with the API's address and a token, and waits for the title to tell the end.
import { createClient } from '@ipd-attachment-bridge/client';

const { apiUrl, token } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const file = new File(['from a page'], 'page.txt', { type: 'text/plain' });
try {
  const { status } = await createClient({ apiUrl, token }).upload({
    projectId: '0123456789abcdef0123456789abcdef',
    issueId: '956239067176935400',
    filename: file.name,
    contentType: file.type,
    file,
  });
  document.title = `ended: ${status}`;
} catch (error) {
  document.title = `ended: ${error}`;
}
