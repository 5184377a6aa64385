/** The page with Uppy 5, in the folder in which the packages of Uppy 5 are installed. */
import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import GoldenRetriever from '@uppy/golden-retriever';
import chinese from '@uppy/locales/lib/zh_CN.js';
import { startPage } from '../bench.ts';
import { DASHBOARD, readsChinese, retrieverOptions, shouldUseMultipart } from '../uppy.ts';
import type { UppyOptions } from '../uppy.ts';

/** After a reload Uppy sends the parts in progress again; the default of this version is six parts at once. */
const AT_ONCE = 2;

function create(options: UppyOptions) {
  // English is what Uppy speaks without a locale.
  const locale = readsChinese(navigator.languages) ? { locale: chinese } : {};
  const core = new Uppy({ ...options, ...locale }).use(Dashboard, DASHBOARD);
  return {
    core,
    connect(companionEndpoint: string): void {
      const earlier = core.getPlugin('AwsS3Multipart');
      if (earlier !== undefined) core.removePlugin(earlier);
      core.use(AwsS3, { endpoint: companionEndpoint, shouldUseMultipart, limit: AT_ONCE });
    },
    restore(): void {
      core.use(GoldenRetriever, retrieverOptions('uppy5'));
    },
  };
}

startPage({ id: 'uppy5', create });
