/** Runes only; component styles go to the one style sheet. */
export default { compilerOptions: { runes: true } };
