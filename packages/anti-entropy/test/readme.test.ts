import { expect, it } from 'vitest';
import { runReadmeExamples } from '../../../tools/readme-examples.ts';

it("the README's examples run and print what they say", async () => {
  const { printed, stated } = await runReadmeExamples(import.meta.dirname);
  expect(printed).toEqual(stated);
});
