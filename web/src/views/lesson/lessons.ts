/** The lessons that `python -m nukarumi.lessons.build` writes, under the types of the boundary. */
// @ts-ignore It is written before the front end is built, and is too long to be typed letter by letter.
import made from '../../generated/lessons.json';
import type { Chapter, Lessons } from './types';

export const lessons = made as unknown as Lessons;

/** The chapter of a number in the address, or undefined for the lab (0). */
export function chapterOf(lesson: number): Chapter | undefined {
  return lessons.chapters.find((chapter) => chapter.number === lesson);
}
