/**
 * One input of a campaign: an event for one target, made from what openapi.yaml or AWS describe and then spoilt. It is
 * plain data but for what the product itself has given out before, which it names by number.
 */
import * as fc from 'fast-check';
import { FORM_TYPE, filePart, form, part } from '../support/form.ts';
import { queueEvent } from '../support/queue-event.ts';
import { describeRoute } from './described.ts';
import { hostileText, hostileValue, hugeJson, hugeText, mostly, spoilt, spoiltText } from './hostile.ts';
import { messages } from './messages.ts';
import type { Issued } from './messages.ts';
import type { Target } from './targets.ts';

type Texts = Record<string, string>;
type Arbitraries = Record<string, fc.Arbitrary<unknown>>;

export type Input = {
  target: string;
  /** Makes the event; it names what was issued, where that is given. */
  toEvent: (issued: Issued | undefined) => object;
  /** Which of the issued, counted from the latest; undefined for none of them. */
  pick: number | undefined;
};

type Body = { text: string; type: string; isBase64Encoded: boolean };

const JSON_TYPE = 'application/json';
/** So many that their quotas do not end the campaign. */
const USERS = 400;
const RARE = { often: 400, seldom: 1 };

/** Inputs for a target. */
export function inputsFor(target: Target): fc.Arbitrary<Input> {
  const pick = fc.option(fc.oneof(fc.nat(4), fc.nat(1000)), { nil: undefined, freq: 3 });
  const event = target.kind === 'route' ? httpEvents(target) : otherEvents(target);
  return fc.record({ toEvent: event, pick }).map((input) => ({ target: target.name, ...input }));
}

function httpEvents({ name: route, hasAuthorizer }: Extract<Target, { kind: 'route' }>) {
  const described = describeRoute(route);
  const { path = {}, query = {}, header = {} } = described?.parameters ?? {};
  return fc
    .record({
      path: some(path, Object.keys(path)),
      rawPath: hostileText,
      query: queryOf(query),
      headers: headersOf(header),
      body: described?.isForm === true ? mostly(forms, noJson) : bodyOf(described?.body),
      claims: hasAuthorizer ? claims : fc.constant(undefined),
    })
    .map((request) => (issued: Issued | undefined): object => {
      const { path: given, claims: own, body } = request;
      const values = issued?.values ?? {};
      const pathParameters = { ...given, ...pickFrom(values, Object.keys(path)) };
      const queryStringParameters = { ...request.query, ...pickFrom(values, Object.keys(query)) };
      const jwt = issued === undefined || own === undefined ? own : { ...own, sub: issued.owner };
      return httpEvent({ ...request, route, pathParameters, queryStringParameters, body, claims: jwt });
    });
}

/** As API Gateway gives it; the path contains the values of its parameters. */
function httpEvent(request: {
  route: string;
  rawPath: string;
  pathParameters: Texts;
  queryStringParameters: Texts;
  headers: Texts;
  body: Body | undefined;
  claims: Record<string, unknown> | undefined;
}): object {
  const { route, body } = request;
  const [method = 'GET', template = request.rawPath] = route.split(' ');
  const path = template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => request.pathParameters[name] ?? '');
  const event = {
    version: '2.0',
    routeKey: route,
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'api.example.com', ...(body && { 'content-type': body.type }), ...request.headers },
    queryStringParameters: request.queryStringParameters,
    pathParameters: request.pathParameters,
    requestContext: {
      domainName: 'api.example.com',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'fuzz' },
      requestId: 'gateway-request-1',
      routeKey: route,
      stage: '$default',
      ...(request.claims && { authorizer: { jwt: { claims: request.claims, scopes: null } } }),
    },
    body: body?.text,
    isBase64Encoded: body?.isBase64Encoded ?? false,
  };
  // As JSON carries it: without undefined members.
  return JSON.parse(JSON.stringify(event));
}

const claims: fc.Arbitrary<Record<string, unknown>> = mostly(
  fc.nat(USERS).map((user) => ({ sub: `user-${user}` })),
  fc.oneof(
    fc.constant({}),
    // A `sub` has at most 255 characters: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    hostileText.map((sub) => ({ sub: sub.slice(0, 255) })),
    fc.dictionary(hostileText, hostileText),
  ),
);

function queryOf(described: Arbitraries): fc.Arbitrary<Texts> {
  const required = Object.keys(described).filter((name) => name === 'filename' || name === 'key');
  const more = mostly(fc.constant({}), fc.dictionary(hostileText, hostileText, { maxKeys: 4 }));
  return fc.tuple(some(described, required), more).map(([given, added]) => ({ ...given, ...added }));
}

function headersOf(described: Arbitraries): fc.Arbitrary<Texts> {
  const common = {
    host: hostileText,
    'x-forwarded-proto': hostileText,
    'content-type': hostileText,
    'if-none-match': hostileText,
    'idempotency-key': fc.oneof(fc.constantFrom('one', 'two'), hostileText),
    'accept-language': fc.oneof(fc.constantFrom('zh-CN', 'en;q=0.5, zh', 'de, *;q=0.1'), hostileText),
  };
  return mostly(some(described), some({ ...common, ...described }));
}

function bodyOf(described: fc.Arbitrary<unknown> | undefined): fc.Arbitrary<Body | undefined> {
  if (described === undefined) return noJson;
  const json = described.map((value) => JSON.stringify(value));
  const inMember = fc
    .record({ value: described, huge: hugeText, at: fc.nat(10) })
    .map(({ value, huge, at }) => JSON.stringify(withMember(value, at, huge)));
  return fc.oneof(
    { weight: 4 * RARE.often, arbitrary: bodies(json) },
    { weight: 5 * RARE.often, arbitrary: bodies(spoilt(described).map((value) => JSON.stringify(value))) },
    { weight: 2 * RARE.often, arbitrary: bodies(spoiltText(json)) },
    { weight: RARE.often, arbitrary: bodies(hostileText) },
    { weight: RARE.often, arbitrary: bodies(hostileValue.map((value) => JSON.stringify(value))) },
    { weight: 15 * RARE.seldom, arbitrary: bodies(hugeJson) },
    { weight: 15 * RARE.seldom, arbitrary: bodies(inMember) },
  );
}

/** The text as the gateway hands it over, and now and then as it never would. */
function bodies(texts: fc.Arbitrary<string>): fc.Arbitrary<Body> {
  return fc
    .record({
      plain: texts,
      type: mostly(fc.constant(JSON_TYPE), fc.oneof(hostileText, fc.constant('application/json; charset=x'))),
      encoding: fc.constantFrom('text', 'text', 'text', 'base64', 'wrong'),
    })
    .map(({ plain, type, encoding }) => ({
      text: encoding === 'base64' ? Buffer.from(plain).toString('base64') : plain,
      type,
      isBase64Encoded: encoding !== 'text',
    }));
}

const onePart: fc.Arbitrary<Buffer> = fc
  .record({
    name: mostly(fc.constantFrom('a.txt', '需求.docx', 'b.png'), hostileText),
    type: mostly(fc.constantFrom('text/plain', 'image/png'), hostileText),
    content: fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), hostileText),
    header: mostly(fc.constant(undefined), hostileText),
  })
  .map(({ name, type, content, header }) =>
    header === undefined ? filePart(name, content, type) : part(header, content),
  );

const forms: fc.Arbitrary<Body> = fc
  .record({
    bytes: fc.oneof(
      { weight: 3, arbitrary: onePart.map((only) => form(only).toString('latin1')) },
      {
        weight: 1,
        arbitrary: fc.array(onePart, { maxLength: 4 }).map((parts) => form(...parts).toString('latin1')),
      },
      { weight: 2, arbitrary: spoiltText(onePart.map((only) => form(only).toString('latin1'))) },
    ),
    type: mostly(fc.constant(FORM_TYPE), spoiltText(fc.constant(FORM_TYPE))),
    isBase64Encoded: fc.constantFrom(true, true, true, false),
  })
  .map(({ bytes, type, isBase64Encoded }) => ({
    text: isBase64Encoded ? Buffer.from(bytes, 'latin1').toString('base64') : bytes,
    type,
    isBase64Encoded,
  }));

const noJson = fc.oneof(fc.constant(undefined), forms, bodies(hostileText));

function otherEvents(target: Target): fc.Arbitrary<(issued: Issued | undefined) => object> {
  if (target.kind === 'schedule') {
    return fc.dictionary(hostileText, hostileValue).map((event) => () => event);
  }
  return fc
    .array(messages, { minLength: 1, maxLength: 3 })
    .map((made) => (issued: Issued | undefined) => queueEvent(...made.map((make) => make(issued))));
}

function text(values: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  return values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
}

/** Some of them as texts, and now and then something else in their place. */
function some(described: Arbitraries, requiredKeys: string[] = []): fc.Arbitrary<Texts> {
  const texts = Object.entries(described).map(([name, value]) => [name, mostly(text(value), hostileText)]);
  const all: Record<string, fc.Arbitrary<string>> = Object.fromEntries(texts);
  return fc.record(all, { requiredKeys }).map((given) => pickFrom(given, Object.keys(given)));
}

function pickFrom(values: Record<string, string | undefined>, names: string[]): Texts {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = values[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function withMember(value: unknown, at: number, member: string): unknown {
  if (typeof value !== 'object' || value === null) return member;
  const names = Object.keys(value);
  const name = names[at % (names.length + 1)] ?? member.slice(0, 1_000_000);
  return { ...value, [name]: member };
}
