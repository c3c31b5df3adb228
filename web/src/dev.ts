/** The page while it is being written: `npm run dev`. */
import { page } from './main.svelte';

page();
