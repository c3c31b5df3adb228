/** Words about walking: the map, the playback bar, the ground's controls, the hikers' cards. */
import { both } from './type';

export const walkWords = both({
  en: {
    // The map
    mapOf: (terrain: string) => `Map of ${terrain}`,
    map: 'View',
    flat: 'Map',
    solid: '3-D',
    zoomIn: 'Zoom in',
    zoomOut: 'Zoom out',
    fit: 'Whole terrain',
    start: { metaphor: 'Trailhead', maths: 'Start' },
    startHelp: 'Drag it, or move it with the arrow keys (with Shift: further). Double-click the map to put it there.',
    startAt: (x: string, y: string) => `x ${x}, y ${y}`,
    minimum: (height: string) => `lowest place, height ${height}`,
    slope: { metaphor: 'downhill', maths: '−g' },
    stride: { metaphor: 'stride', maths: 'Δw' },
    height: { metaphor: 'height', maths: 'f' },
    noWebgl: 'This browser gives no 3-D graphics (WebGL) at the moment. The map shows the same walk.',
    orbit: 'Terrain in three dimensions. Drag or use the arrow keys to turn it, plus and minus to come nearer.',
    squeezed: 'Heights drawn on a logarithmic scale.',
    outside: 'outside the map',

    // Playback
    playback: 'Playback',
    play: 'Play',
    pause: 'Pause',
    forward: 'One step',
    back: 'One step back',
    toStart: 'To the start',
    toEnd: 'To the end',
    time: 'Step',
    of: (t: number, steps: number) => `${t} of ${steps}`,
    speed: 'Speed',
    perSecond: (speed: number) => (speed === 1 ? '1 step/s' : `${speed} steps/s`),

    // The ground
    scenes: 'Scenes',
    scenesHelp: 'Each sets everything: the terrain, the hikers and what to look at.',
    terrain: 'Terrain',
    ground: { metaphor: 'The ground', maths: 'The problem' },
    rotation: 'Turned by',
    noise: 'Noise on the slope',
    noiseHelp: 'Like small batches: each step feels a slightly wrong slope.',
    seed: 'Seed of the noise',
    anotherSeed: 'Another seed',
    steps: 'Steps',

    // The hikers
    hikers: { metaphor: 'Hikers', maths: 'Optimizers' },
    add: { metaphor: 'Add a hiker', maths: 'Add an optimizer' },
    remove: (name: string) => `Remove ${name}`,
    choose: (name: string) => `Look at ${name}`,
    optimizer: 'Optimizer',
    dialect: 'As in',
    dialects: { book: 'the book', torch: 'PyTorch', keras: 'Keras', optax: 'optax' },
    more: 'More settings',
    resetSettings: 'Defaults',
    mutated: 'rule broken on purpose',
    settings: {
      lr: { metaphor: 'Boldness lr', maths: 'Learning rate lr' },
      momentum: { metaphor: 'Momentum (how far it rolls on)', maths: 'Momentum μ' },
      decay_rate: { metaphor: 'Memory (decay_rate)', maths: 'decay_rate ρ' },
      rho: { metaphor: 'Memory (rho)', maths: 'ρ' },
      beta1: { metaphor: 'Memory of direction (beta1)', maths: 'β₁' },
      beta2: { metaphor: 'Memory of steepness (beta2)', maths: 'β₂' },
      eps: { metaphor: 'Airbag eps', maths: 'ε' },
      initial_accumulator: { metaphor: 'Tired from the start (h₀)', maths: 'Initial h₀' },
      weight_decay: 'Weight decay',
    },
    at: (height: string) => `height ${height}`,
    endedShort: { nan: (step: number) => `NaN at step ${step}`, infinite: (step: number) => `ran off at step ${step}` },
    ended: {
      zeroByZero: (step: number, axis: string) =>
        `NaN at step ${step}: along ${axis} the slope was exactly 0 and there was no eps, so the rule computed 0 ÷ 0. The airbag eps is what prevents that.`,
      zeroDivision: (step: number, axis: string, line: string) =>
        `At step ${step} the line “${line}” divided by 0 along ${axis}.`,
      overflow: (step: number, axis: string) =>
        `At step ${step} ${axis} grew beyond every number a float64 can hold. Each step overshot further than the one before: the learning rate is too large for this slope.`,
      ground: (step: number, axis: string) =>
        `NaN at step ${step}: the terrain itself has no slope along ${axis} there, such as log or sqrt of a negative number.`,
      line: (step: number, axis: string, line: string) =>
        `NaN at step ${step}: along ${axis} the line “${line}” gave NaN, and NaN spreads to everything after it.`,
    },

    live: (name: string, t: number, x: string, y: string, height: string) => `${name}, step ${t}: x ${x}, y ${y}, height ${height}.`,

    // Help
    helpTitle: 'How to use the lab',
    helpIntro: [
      'Drag the start on the map; every walk is walked again at once.',
      'Play, or go step by step, forwards and back. The panel shows what happens inside the chosen one.',
      'Everything you set is in the address: bookmark it, share it, hand it out.',
    ],
    keysTitle: 'Keys',
    keys: {
      space: 'play and pause',
      arrows: 'one step, one step back (with Shift: ten)',
      ends: 'to the start, to the end',
      handle: 'on the start: move it',
      zoom: 'on the map: zoom; 3-D: nearer, farther',
      escape: 'close',
    },
    keyNames: { space: 'Space', arrows: '← →', ends: 'Home End', handle: '← → ↑ ↓', zoom: '+ −', escape: 'Esc' },
    about: (version: string) =>
      `nukarumi ${version}. The rules you see are translated from the library’s own source; on polynomial terrains these walks equal Python’s to the last bit.`,
  },
  ja: {
    mapOf: (terrain: string) => `${terrain}の地図`,
    map: '表示',
    flat: '地図',
    solid: '立体',
    zoomIn: '拡大',
    zoomOut: '縮小',
    fit: '全体を表示',
    start: { metaphor: '出発点', maths: '初期値' },
    startHelp: 'ドラッグするか、矢印キーで動かします（Shift を押すと大きく）。地図をダブルクリックすると、そこへ移ります。',
    startAt: (x: string, y: string) => `x ${x}、y ${y}`,
    minimum: (height: string) => `いちばん低い所、高さ ${height}`,
    slope: { metaphor: '下り', maths: '−g' },
    stride: { metaphor: '歩幅', maths: 'Δw' },
    height: { metaphor: '高さ', maths: 'f' },
    noWebgl: 'このブラウザではいま立体表示 (WebGL) が使えません。同じ道のりを地図で見られます。',
    orbit: '立体の地形。ドラッグか矢印キーで回転、＋と−で近づいたり離れたりします。',
    squeezed: '高さは対数目盛で描いています。',
    outside: '地図の外',

    playback: '再生',
    play: '再生',
    pause: '一時停止',
    forward: '一歩進む',
    back: '一歩戻る',
    toStart: '最初へ',
    toEnd: '最後へ',
    time: 'ステップ',
    of: (t: number, steps: number) => `${steps} 歩中 ${t} 歩目`,
    speed: '速さ',
    perSecond: (speed: number) => `毎秒 ${speed} 歩`,

    scenes: '名場面',
    scenesHelp: '地形、ハイカー、見るところがまとめて切り替わります。',
    terrain: '地形',
    ground: { metaphor: '地面', maths: '問題設定' },
    rotation: '回転',
    noise: '勾配のノイズ',
    noiseHelp: 'ミニバッチと同じで、一歩ごとに少し違う勾配を感じます。',
    seed: 'ノイズの種',
    anotherSeed: '別の種にする',
    steps: '歩数',

    hikers: { metaphor: 'ハイカー', maths: 'オプティマイザ' },
    add: { metaphor: 'ハイカーを増やす', maths: 'オプティマイザを追加' },
    remove: (name: string) => `${name} を外す`,
    choose: (name: string) => `${name} を見る`,
    optimizer: 'オプティマイザ',
    dialect: '流儀',
    dialects: { book: '教科書', torch: 'PyTorch', keras: 'Keras', optax: 'optax' },
    more: 'その他の設定',
    resetSettings: '初期設定に戻す',
    mutated: 'わざと壊した規則',
    settings: {
      lr: { metaphor: '思い切り lr', maths: '学習率 lr' },
      momentum: { metaphor: '勢い（どれだけ転がり続けるか）', maths: 'モーメンタム μ' },
      decay_rate: { metaphor: '記憶の長さ (decay_rate)', maths: 'decay_rate ρ' },
      rho: { metaphor: '記憶の長さ (rho)', maths: 'ρ' },
      beta1: { metaphor: '向きの記憶 (beta1)', maths: 'β₁' },
      beta2: { metaphor: '急さの記憶 (beta2)', maths: 'β₂' },
      eps: { metaphor: 'エアバッグ eps', maths: 'ε' },
      initial_accumulator: { metaphor: '最初からの疲れ (h₀)', maths: '初期値 h₀' },
      weight_decay: '重み減衰',
    },
    at: (height: string) => `高さ ${height}`,
    endedShort: { nan: (step: number) => `${step} 歩目で NaN`, infinite: (step: number) => `${step} 歩目で発散` },
    ended: {
      zeroByZero: (step: number, axis: string) =>
        `${step} 歩目で NaN: ${axis} 方向の勾配がちょうど 0 で eps もないので、0 ÷ 0 になりました。これを防ぐのがエアバッグ eps です。`,
      zeroDivision: (step: number, axis: string, line: string) => `${step} 歩目、${axis} 方向で「${line}」が 0 で割りました。`,
      overflow: (step: number, axis: string) =>
        `${step} 歩目で ${axis} が float64 で表せる範囲を超えました。一歩ごとに前よりも大きく行きすぎています。この勾配に対して学習率が大きすぎます。`,
      ground: (step: number, axis: string) =>
        `${step} 歩目で NaN: そこでは地形そのものに ${axis} 方向の勾配がありません（負の数の log や sqrt など）。`,
      line: (step: number, axis: string, line: string) =>
        `${step} 歩目で NaN: ${axis} 方向で「${line}」が NaN になり、それが以後のすべてに広がりました。`,
    },

    live: (name: string, t: number, x: string, y: string, height: string) => `${name}、${t} 歩目: x ${x}、y ${y}、高さ ${height}。`,

    helpTitle: '実験室の使い方',
    helpIntro: [
      '地図の出発点をドラッグすると、全員がその場で歩き直します。',
      '再生するか、一歩ずつ進めたり戻したりできます。選んだハイカーの中で起きていることがパネルに出ます。',
      '設定はすべてアドレスに入ります。ブックマークしたり、そのまま配ったりできます。',
    ],
    keysTitle: 'キー操作',
    keys: {
      space: '再生と一時停止',
      arrows: '一歩進む、一歩戻る（Shift で十歩）',
      ends: '最初へ、最後へ',
      handle: '出発点の上で: 動かす',
      zoom: '地図の上で: 拡大と縮小。立体: 近づく、離れる',
      escape: '閉じる',
    },
    keyNames: { space: 'スペース', arrows: '← →', ends: 'Home End', handle: '← → ↑ ↓', zoom: '+ −', escape: 'Esc' },
    about: (version: string) =>
      `nukarumi ${version}。表示している規則はライブラリのソースから翻訳したものです。多項式の地形では、ここでの歩みは Python と最後のビットまで一致します。`,
  },
});
