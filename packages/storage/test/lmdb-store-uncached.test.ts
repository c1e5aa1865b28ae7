import { storeCompliance } from './support/compliance.ts';
import { directorySite } from './support/directory-site.ts';

storeCompliance('openLmdbStore, that keeps hardly a record in memory', () =>
  directorySite({ cacheBytes: 2500, checkpointBytes: 200 }),
);
