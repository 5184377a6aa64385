import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { bindCall, createTelemetry } from '../../../lib/runtime/telemetry.ts';

let written: string[];
const before = { ...process.env };

beforeEach(() => {
  written = [];
  process.env['POWERTOOLS_LOG_LEVEL'] = 'INFO';
  process.env['POWERTOOLS_SERVICE_NAME'] = 'bridge-dev';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
});
afterEach(() => {
  jest.restoreAllMocks();
  process.env['POWERTOOLS_LOG_LEVEL'] = before['POWERTOOLS_LOG_LEVEL'];
  delete process.env['POWERTOOLS_SERVICE_NAME'];
});

const lines = (): unknown[] => written.map((line) => JSON.parse(line) as unknown);

describe('telemetry', () => {
  it('writes one JSON line with the fields, and those of the call', () => {
    bindCall({ requestId: 'request-1', invocationId: 'invocation-1' });
    const telemetry = createTelemetry();

    telemetry.info('upload created', { uploadId: 'u1', bytes: 7 });
    telemetry.error('it broke', new Error('why'));

    expect(lines()).toMatchObject([
      {
        level: 'INFO',
        message: 'upload created',
        service: 'bridge-dev',
        uploadId: 'u1',
        bytes: 7,
        requestId: 'request-1',
        invocationId: 'invocation-1',
      },
      { level: 'ERROR', message: 'it broke', requestId: 'request-1', error: { message: 'why' } },
    ]);
  });

  it('forgets the fields of the call before', () => {
    bindCall({ requestId: 'request-1', invocationId: 'invocation-1' });
    bindCall({ invocationId: 'invocation-2' });

    createTelemetry().info('sweep ended');

    expect(lines()).toMatchObject([{ invocationId: 'invocation-2' }]);
    expect(lines()).not.toMatchObject([{ requestId: 'request-1' }]);
  });

  it('writes metrics in lines of their own, at once', () => {
    const telemetry = createTelemetry();

    telemetry.addMetrics({ Delivered: 1, DeliveryTime: 1200 });
    telemetry.addMetrics({ Failed: 1 }, { code: 'ipd_refused' });

    expect(lines()).toMatchObject([
      {
        _aws: {
          CloudWatchMetrics: [
            {
              Namespace: 'ipd-attachment-bridge',
              Dimensions: [['service']],
              Metrics: [
                { Name: 'Delivered', Unit: 'Count' },
                { Name: 'DeliveryTime', Unit: 'Milliseconds' },
              ],
            },
          ],
        },
        service: 'bridge-dev',
        Delivered: 1,
        DeliveryTime: 1200,
      },
      {
        _aws: { CloudWatchMetrics: [{ Dimensions: [['service', 'code']], Metrics: [{ Name: 'Failed' }] }] },
        service: 'bridge-dev',
        code: 'ipd_refused',
        Failed: 1,
      },
    ]);
  });

  it('writes nothing where there is nothing to measure', () => {
    createTelemetry().addMetrics({});

    expect(written).toEqual([]);
  });

  it('writes nothing when its level is SILENT', () => {
    process.env['POWERTOOLS_LOG_LEVEL'] = 'SILENT';
    const telemetry = createTelemetry();

    telemetry.error('it broke', new Error('why'));
    telemetry.addMetrics({ Delivered: 1 });

    expect(written).toEqual([]);
  });
});
