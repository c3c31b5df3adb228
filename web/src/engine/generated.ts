/** The module that `python -m nukarumi.lab.generate` writes, under the types of the boundary. */
// @ts-ignore It is written before the front end is built, and has no types of its own.
import * as made from "../generated/generated.js";
import type { Generated } from "./types.ts";

export const generated = made as unknown as Generated;
