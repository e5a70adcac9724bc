// Builds and signs a PutRow with the official Node SDK: prints the request's body once, then for each line with a
// number does it that often and prints the CPU time of one, in microseconds.
'use strict';
const TableStore = require('tablestore');
const readline = require('readline');

const client = new TableStore.Client({
  accessKeyId: 'bench-id',
  secretAccessKey: 'bench-secret',
  endpoint: 'http://127.0.0.1:1',
  instancename: 'bench',
  maxRetries: 0,
});
const integer = TableStore.Long.fromNumber;

function params() {
  return {
    tableName: 'migrations',
    condition: new TableStore.Condition(TableStore.RowExistenceExpectation.IGNORE, null),
    primaryKey: [{ migration_id: 'm-0123456789abcdef0123' }, { seq: integer(42) }],
    attributeColumns: [
      { state: 'verify' },
      { instance_id: 'i-bp1f2o4ldh8l29zi7a3c' },
      { version: integer(3) },
      { lease_holder: '9f0ef1a2-6f5c-4e37-9c1f-1c55b94ab0c7' },
      { lease_until: integer(1763990000000) },
      { poke: integer(0) },
      { done: true },
      { progress: 0.85 },
      { cause: '' },
      { record: 'x'.repeat(400) },
    ],
  };
}

// What the SDK does before it sends, step by step, without its event machinery.
function build() {
  const request = new TableStore.Request(client.config, 'putRow', params());
  client.populateHeader(request);
  client.populateURI(request);
  client.buildContent(request);
  client.computeContentMd5(request);
  new TableStore.Signer(request.httpRequest).addAuthorization(client.config.getCredentials(), new Date());
  return request.httpRequest;
}

async function main() {
  const first = build();
  if (!first.headers['x-ots-signature']) throw new Error('the request is not signed');
  console.log(Buffer.from(first.body).toString('hex'));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const begin = process.cpuUsage();
    const count = Number(line);
    for (let i = 0; i < count; i++) build();
    const { user, system } = process.cpuUsage(begin);
    console.log((user + system) / count);
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
