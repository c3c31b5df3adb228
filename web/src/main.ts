/** The lab's two homes: a page of its own, and a notebook's cell. */
import { mount } from 'svelte';
import App from './app/App.svelte';
import './styles/base.css';

export function page(): void {
  mount(App, { target: document.getElementById('nukarumi') as HTMLElement });
}
