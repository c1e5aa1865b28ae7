/** A run that is repeated with every test. `known`: the invariant that it still breaks, and why: the run fails when it does not any more. */
export interface CorpusRun {
  readonly scenario: string;
  readonly seed: number;
  readonly about: string;
  readonly known?: { readonly invariant: string; readonly why: string };
}

export const corpus: readonly CorpusRun[] = [
  { scenario: 'calm', seed: 1, about: 'no faults' },
  { scenario: 'network', seed: 2, about: 'links and connections' },
  { scenario: 'crashes', seed: 3, about: 'processes and machines' },
  { scenario: 'disks', seed: 4, about: 'forgetful disks' },
  { scenario: 'clocks', seed: 5, about: 'wall clocks' },
  { scenario: 'hot', seed: 6, about: 'one key' },
  { scenario: 'default', seed: 7, about: 'a mix' },
  {
    scenario: 'hot',
    seed: 7030,
    about: 'a node that is cut off while it is paused learns so before it learns that it is back',
  },
  {
    scenario: 'crashes',
    seed: 5205,
    about: 'requests of the time of the faults fill the bounds of admission for a while after it',
  },
  {
    scenario: 'default',
    seed: 9015,
    about: 'a duplicated put is not refused as overload while the first one is under way',
  },
  { scenario: 'lww', seed: 8, about: 'the last writer wins' },
  {
    scenario: 'ttl',
    seed: 1,
    about: 'a node whose clock told fractions of a millisecond (the simulator did) could write nothing that expires',
  },
  { scenario: 'records', seed: 3, about: 'records that rot, disks without space, connections that flap' },
  {
    scenario: 'records',
    seed: 607,
    about: 'a write that all replicas refused for want of space was told as not applied while a hint of it was kept',
  },
  {
    scenario: 'default',
    seed: 3002,
    about: 'the simulated journal was overwritten before its frames were in the table, which a full disk kept out',
  },
  {
    scenario: 'default',
    seed: 3022,
    about: 'a lost tail leaves the node its membership: without that it is a node with an exchanged disk',
  },
  { scenario: 'default', seed: 3283, about: 'no disk rots while another one was exchanged: two copies would be gone' },
  {
    scenario: 'default',
    seed: 3289,
    about: 'a stand-in answers no more for what was replaced in the record that it handed over',
  },
  {
    scenario: 'lossy',
    seed: 177,
    about:
      'a hint that was sent to a stand-in at the deadline, with nobody left to notice that it was lost, is kept by the coordinator',
  },
  {
    scenario: 'default',
    seed: 11,
    about:
      'where the last writer wins, a value that others dropped for a later one does not come back when disks lose that',
  },
  {
    scenario: 'default',
    seed: 2280,
    about: 'a context that was cut to its bound covers what was overwritten by what it does not cover',
  },
  {
    scenario: 'default',
    seed: 5676,
    about: 'a journal lost its end while a checkpoint had taken over a part of that: a hint was listed that was gone',
  },
  {
    scenario: 'default',
    seed: 5887,
    about: 'what a disk forgets while its store is being opened is noted as well',
  },
  {
    scenario: 'default',
    seed: 50633,
    about:
      'a stand-in held the last copy for a node whose disk was replaced: nobody is handed it before that node is filled again',
  },
  {
    scenario: 'default',
    seed: 5744,
    about: 'a read that took a refused node for up finds, a moment later, what a stand-in keeps for it',
  },
  {
    scenario: 'disks',
    seed: 50029,
    about:
      'a journal lost its end while a checkpoint had taken over a part of that: a leaf did not follow from the records',
  },
  {
    scenario: 'default',
    seed: 70501,
    about: 'a delete without a context covered all it had read, of which its reply, cut to its bound, tells a part',
  },
  { scenario: 'unread', seed: 3, about: 'a hint of which a disk has the index, and not the record, is given up' },
  {
    scenario: 'default',
    seed: 84246,
    about: 'a stop was broken off between its marker and its last flush, and power failed: the run does not go on',
  },
];
