import { storeCompliance } from './support/compliance.ts';
import { directorySite } from './support/directory-site.ts';

storeCompliance('openLmdbStore', () => directorySite());
