import { describe, expect, it } from '@jest/globals';
import { createRouter } from '../../../local/gateway/routes.ts';

const find = createRouter(
  [
    '$default',
    'GET /files/{proxy+}',
    'GET /files/{id}',
    'GET /files/limits',
    'ANY /files/{id}/parts',
    'POST /files',
  ].map((routeKey) => ({ routeKey })),
);

describe('createRouter', () => {
  it.each([
    ['GET', '/files/limits', 'GET /files/limits'],
    ['GET', '/files/1', 'GET /files/{id}'],
    ['GET', '/files/1/2/3', 'GET /files/{proxy+}'],
    ['GET', '/files/1/parts', 'ANY /files/{id}/parts'],
    ['DELETE', '/files/1/parts', 'ANY /files/{id}/parts'],
    ['POST', '/files', 'POST /files'],
    ['DELETE', '/files/1', '$default'],
    ['GET', '/files', '$default'],
    ['GET', '/files/', '$default'],
    ['POST', '/files/', '$default'],
    ['GET', '/', '$default'],
  ])('sends %s %s to the most specific route', (method, path, expected) => {
    expect(find({ method, path })?.route.routeKey).toBe(expected);
  });

  it('prefers a method of its own to ANY on the same path', () => {
    const router = createRouter([{ routeKey: 'ANY /a' }, { routeKey: 'GET /a' }]);

    expect(router({ method: 'GET', path: '/a' })?.route.routeKey).toBe('GET /a');
    expect(router({ method: 'PUT', path: '/a' })?.route.routeKey).toBe('ANY /a');
  });

  it('decodes path parameters without letting an encoded slash end a segment', () => {
    expect(find({ method: 'GET', path: '/files/a%20%2Fb' })?.pathParameters).toEqual({ id: 'a /b' });
    expect(find({ method: 'GET', path: '/files/a/b%20c' })?.pathParameters).toEqual({ proxy: 'a/b c' });
  });

  it('leaves a broken percent sequence as it came', () => {
    expect(find({ method: 'GET', path: '/files/%zz' })?.pathParameters).toEqual({ id: '%zz' });
  });

  it('knows no route when there is no $default', () => {
    expect(createRouter([{ routeKey: 'GET /a' }])({ method: 'GET', path: '/b' })).toBeUndefined();
  });
});
