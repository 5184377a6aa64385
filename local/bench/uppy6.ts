/** The page with Uppy 6: its packages unchanged, only configured. */
import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import GoldenRetriever from '@uppy/golden-retriever';
import chinese from '@uppy/locales/lib/zh_CN.js';
import { startPage } from './bench.ts';
import { DASHBOARD, readsChinese, retrieverOptions, shouldUseMultipart } from './uppy.ts';
import type { UppyOptions } from './uppy.ts';

function create(options: UppyOptions) {
  // English is what Uppy speaks without a locale.
  const locale = readsChinese(navigator.languages) ? { locale: chinese } : {};
  const core = new Uppy({ ...options, ...locale }).use(Dashboard, DASHBOARD);
  return {
    core,
    connect(companionEndpoint: string): void {
      const earlier = core.getPlugin('AwsS3');
      if (earlier !== undefined) core.removePlugin(earlier);
      core.use(AwsS3, { companionEndpoint, shouldUseMultipart });
    },
    restore(): void {
      core.use(GoldenRetriever, retrieverOptions('uppy6'));
    },
  };
}

startPage({ id: 'uppy6', create });
