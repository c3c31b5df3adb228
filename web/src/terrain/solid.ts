/** The terrain in three dimensions: one surface, the walks draped over it, and a camera that circles it. */
import {
  Color, DataTexture, DirectionalLight, Group, HemisphereLight, BufferAttribute, BufferGeometry, LinearFilter, LinearMipmapLinearFilter, Mesh, MeshBasicMaterial,
  MeshLambertMaterial, PerspectiveCamera, RGBAFormat, Scene, SphereGeometry, SRGBColorSpace, WebGLRenderer,
} from 'three';
import { Line2 } from 'three/addons/lines/Line2.js';
import { LineGeometry } from 'three/addons/lines/LineGeometry.js';
import { LineMaterial } from 'three/addons/lines/LineMaterial.js';
import type { Ground, Walk } from '../engine/types';
import type { Look } from '../ui/tokens';
import { earth, levels, sampled, Tone } from './relief';

const SIDE = 161;
/** A pale line under each walk, so that every colour stands out from every ground. */
const CASING: Look = { name: { en: '', ja: '' }, colour: '#fff6e4', dash: '', marker: '' };
const TALL = 0.3;

export interface Walker {
  walk: Walk;
  look: Look;
  chosen: boolean;
}

/** Heights as they are drawn: as they are, or logarithmic where a few rims would flatten everything else. */
class Lift {
  readonly squeezed: boolean;
  private readonly low: number;
  private readonly unit: number;
  private readonly top: number;

  constructor(sorted: Float64Array) {
    this.low = sorted[0];
    const high = sorted[sorted.length - 1];
    const middle = sorted[sorted.length >> 1] - this.low;
    this.squeezed = high - this.low > 12 * middle && middle > 0;
    this.unit = this.squeezed ? Math.max(middle / 8, 1e-300) : 1;
    this.top = this.raw(high) || 1;
  }

  private raw(height: number): number {
    const above = Math.max(0, height - this.low);
    return this.squeezed ? Math.log1p(above / this.unit) : above;
  }

  at(height: number): number {
    return TALL * Math.min(1.15, this.raw(Number.isFinite(height) ? height : 0) / this.top);
  }
}

export class Solid {
  /** Whether heights are logarithmic. */
  squeezed = false;
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(38, 1, 0.05, 20);
  private readonly land = new Group();
  private readonly walkers = new Group();
  private ground: Ground | null = null;
  private lift: Lift | null = null;
  private middle: [number, number] = [0, 0];
  private span = 1;
  private azimuth = -0.5;
  private polar = 0.72;
  private distance = 1.7;
  private frame = 0;

  /** Throws if the browser gives no WebGL. */
  constructor(private readonly canvas: HTMLCanvasElement) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true });
    const sun = new DirectionalLight(0xfff2d8, 2.3);
    sun.position.set(-1.2, 1.6, -0.8);
    this.scene.add(new HemisphereLight(0xffffff, 0x8a6b4c, 2.5), sun, this.land, this.walkers);
  }

  resize(width: number, height: number): void {
    this.renderer.setPixelRatio(Math.min(2, globalThis.devicePixelRatio || 1));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / Math.max(1, height);
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  /** Another terrain, or other colours. */
  setGround(ground: Ground, dark: boolean): void {
    this.ground = ground;
    const [[left, right], [low, high]] = ground.box;
    this.middle = [(left + right) / 2, (low + high) / 2];
    this.span = Math.max(right - left, high - low);
    const grid = sampled(ground, ground.box, SIDE, SIDE);
    this.lift = new Lift(grid.values.slice().sort());
    this.squeezed = this.lift.squeezed;
    const tone = new Tone(ground, ground.box);

    const positions = new Float32Array(SIDE * SIDE * 3);
    const places = new Float32Array(SIDE * SIDE * 2);
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const k = row * SIDE + column;
        const x = left + ((right - left) * column) / (SIDE - 1);
        const y = high - ((high - low) * row) / (SIDE - 1);
        positions.set(this.place(x, y, grid.values[k]), 3 * k);
        places.set([tone.at(grid.values[k]), 0.5], 2 * k);
      }
    }
    const corners: number[] = [];
    for (let row = 0; row < SIDE - 1; row++) {
      for (let column = 0; column < SIDE - 1; column++) {
        const k = row * SIDE + column;
        corners.push(k, k + SIDE, k + 1, k + 1, k + SIDE, k + SIDE + 1);
      }
    }
    const shape = new BufferGeometry();
    shape.setAttribute('position', new BufferAttribute(positions, 3));
    shape.setAttribute('uv', new BufferAttribute(places, 2));
    shape.setIndex(corners);
    shape.computeVertexNormals();

    dispose(this.land);
    this.land.add(new Mesh(shape, new MeshLambertMaterial({ map: contourTexture(levels(grid).map((level) => tone.at(level)), dark), side: 2 })));
    this.draw();
  }

  setWalks(walkers: readonly Walker[], t: number, ahead = true): void {
    dispose(this.walkers);
    for (const { walk, look, chosen } of walkers) {
      const now = Math.min(t, walk.n);
      const width = chosen ? 5 : 3.5;
      if (ahead) this.addLine(walk, now, walk.n, look, 1.6, 0.5);
      this.addLine(walk, 0, now, CASING, width + 3, 0.75);
      this.addLine(walk, 0, now, look, width, 1);
      const last = Number.isFinite(walk.x[now]) && Number.isFinite(walk.y[now]) ? now : now - 1;
      const spot = this.draped(walk, last);
      if (spot) {
        const ball = new Mesh(new SphereGeometry(chosen ? 0.022 : 0.017, 20, 14), new MeshBasicMaterial({ color: new Color(look.colour) }));
        ball.position.set(...spot);
        this.walkers.add(ball);
      }
    }
    this.draw();
  }

  turn(azimuth: number, polar: number): void {
    this.azimuth += azimuth;
    this.polar = Math.min(1.5, Math.max(0.12, this.polar + polar));
    this.draw();
  }

  nearer(factor: number): void {
    this.distance = Math.min(5, Math.max(0.8, this.distance / factor));
    this.draw();
  }

  home(): void {
    [this.azimuth, this.polar, this.distance] = [-0.5, 0.72, 1.7];
    this.draw();
  }

  /** The picture as it is now; WebGL forgets it after the frame, so it is drawn afresh. */
  picture(): HTMLCanvasElement {
    this.render();
    return this.canvas;
  }

  free(): void {
    cancelAnimationFrame(this.frame);
    dispose(this.land);
    dispose(this.walkers);
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  private addLine(walk: Walk, from: number, to: number, look: Look, width: number, opacity: number): void {
    const points: number[] = [];
    for (let k = from; k <= to; k++) {
      const spot = this.draped(walk, k);
      if (!spot) break;
      // Between two far steps the line follows the ground instead of cutting through a ridge.
      const pieces = k > from ? Math.min(24, Math.ceil((Math.hypot(walk.x[k] - walk.x[k - 1], walk.y[k] - walk.y[k - 1]) / this.span) * 60)) : 1;
      for (let piece = 1; piece < pieces; piece++) {
        const part = piece / pieces;
        const between = this.on(walk.x[k - 1] + (walk.x[k] - walk.x[k - 1]) * part, walk.y[k - 1] + (walk.y[k] - walk.y[k - 1]) * part);
        if (between) points.push(...between);
      }
      points.push(...spot);
    }
    if (points.length < 6) return;
    const dashes = look.dash.split(' ').map(Number);
    const material = new LineMaterial({
      // All lines are drawn in the pass for transparent things, in their own order.
      color: new Color(look.colour).getHex(), linewidth: width, transparent: true, opacity,
      dashed: look.dash !== '', dashSize: dashes[0] / 200, gapSize: (dashes[1] ?? 0) / 200, depthWrite: false,
    });
    const line = new Line2(new LineGeometry().setPositions(points), material);
    line.computeLineDistances();
    // Lines lie in one another's places: what is drawn later stays on top.
    line.renderOrder = this.walkers.children.length + 1;
    this.walkers.add(line);
  }

  private draped(walk: Walk, k: number): [number, number, number] | null {
    return k >= 0 && Number.isFinite(walk.x[k]) && Number.isFinite(walk.y[k]) ? this.on(walk.x[k], walk.y[k]) : null;
  }

  private on(x: number, y: number): [number, number, number] | null {
    if (!this.ground) return null;
    const [[left, right], [low, high]] = this.ground.box;
    // Far outside the drawn land there is nothing to walk on.
    const room = this.span / 2;
    if (x < left - room || x > right + room || y < low - room || y > high + room) return null;
    const [px, py, pz] = this.place(x, y, this.ground.value(x, y));
    return [px, py + 0.008, pz];
  }

  private place(x: number, y: number, height: number): [number, number, number] {
    return [(x - this.middle[0]) / this.span, this.lift?.at(height) ?? 0, -(y - this.middle[1]) / this.span];
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.render());
  }

  private render(): void {
    const flat = Math.sin(this.polar) * this.distance;
    this.camera.position.set(Math.sin(this.azimuth) * flat, Math.cos(this.polar) * this.distance + 0.15, Math.cos(this.azimuth) * flat);
    this.camera.lookAt(0, 0.1, 0);
    this.renderer.render(this.scene, this.camera);
  }
}

/** Colours by tone, with a dark line at every contour: the surface's one texture. */
function contourTexture(tones: readonly number[], dark: boolean): DataTexture {
  const width = 2048;
  const data = new Uint8Array(width * 4);
  for (let k = 0; k < width; k++) {
    const tone = k / (width - 1);
    const band = tones.findLastIndex((each) => each <= tone);
    const middle = ((tones[band] ?? 0) + (tones[band + 1] ?? 1)) / 2;
    const colour = (earth(middle, dark).match(/\d+/g) as string[]).map(Number);
    const near = tones.some((each) => Math.abs(each - tone) < 0.0022);
    data.set([...colour.map((channel) => Math.round(near ? (dark ? channel + (235 - channel) * 0.3 : channel * 0.68) : channel)), 255], 4 * k);
  }
  const texture = new DataTexture(data, width, 1, RGBAFormat);
  texture.colorSpace = SRGBColorSpace;
  texture.magFilter = LinearFilter;
  texture.minFilter = LinearMipmapLinearFilter;
  texture.generateMipmaps = true;
  texture.anisotropy = 8;
  texture.needsUpdate = true;
  return texture;
}

function dispose(group: Group): void {
  for (const child of [...group.children]) {
    group.remove(child);
    const mesh = child as Mesh<BufferGeometry, MeshLambertMaterial>;
    mesh.geometry.dispose();
    mesh.material.map?.dispose();
    mesh.material.dispose();
  }
}
