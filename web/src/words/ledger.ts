/** The ledger's words: what each row is, and one sentence for every situation a step can be in. */
import { both } from './type';

export const ledger = both({
  en: {
    title: { metaphor: 'Fatigue book', maths: 'Ledger' },
    lead: {
      metaphor: 'What each foot of the hiker felt, remembers and did in this step.',
      maths: 'For each coordinate: the gradient, the state, the effective learning rate and the step.',
    },
    step: (t: string, n: string) => `Step ${t} of ${n}`,
    g: { metaphor: 'slope g', maths: 'gradient g' },
    brake: { metaphor: 'brake (what the stride is multiplied by)', maths: 'effective lr / lr' },
    rate: { metaphor: 'stride for a slope of 1', maths: 'effective learning rate' },
    stride: { metaphor: 'the step really made', maths: 'step Δ (after − before)' },
    place: { metaphor: 'where the foot stands', maths: 'parameter' },
    square: {
      metaphor: (name: string) => `fatigue ${name}: the area of the square`,
      maths: (name: string) => `${name} = area of the square`,
    },
    strides: {
      metaphor: (name: string) => `memory of past strides ${name}: the area of the square`,
      maths: (name: string) => `${name} = area of the square (squared steps)`,
    },
    signed: {
      metaphor: (name: string) => `run-up ${name}`,
      maths: (name: string) => `${name} (signed)`,
    },
    side: (side: string) => `side ${side}`,
    added: (name: string, amount: string) => `${name} +${amount}`,
    faded: (name: string, amount: string) => `${name} −${amount}`,
    same: (name: string) => `${name} ±0`,
    noState: {
      metaphor: 'No memory: these shoes do not feel the mud, so there is no brake.',
      maths: 'No state: the effective learning rate is lr itself.',
    },
    scaleOf: 'Length of the bars',
    wholeWalk: 'the whole walk',
    thisStep: 'this step',
    table: 'The numbers of this step',
    quantity: 'quantity',
    sentences: {
      metaphor: {
        start: (gx: string, gy: string) =>
          `At the start. The slope is ${gx} along x and ${gy} along y; no step has been made yet.`,
        zeroByZero: (t: string, axis: string) =>
          `Step ${t}: along ${axis} there is no slope and no fatigue, so the step is 0 divided by 0. That is not a number (NaN), and every number it touches is lost. The airbag eps was missing.`,
        rootOfNegative: (t: string, axis: string, state: string) =>
          `Step ${t}: the fatigue ${state} of ${axis} fell below zero. A negative number has no square root, so the brake is not a number (NaN) and the hiker is lost. Squares would never have gone below zero.`,
        notANumber: (t: string, axis: string) =>
          `Step ${t}: along ${axis} infinity met infinity, and what comes out is not a number (NaN). The hiker is lost.`,
        overflow: (t: string, axis: string) =>
          `Step ${t}: along ${axis} the hiker flew past the largest number a computer can hold (1.8×10³⁰⁸). Each step had made the next one longer.`,
        noSlope: (t: string, axis: string) =>
          `Step ${t}: the ground itself has no slope along ${axis} here (NaN), and the hiker is lost.`,
        divisionByZero: (t: string, axis: string) =>
          `Step ${t}: along ${axis} the slope was divided by a brake of exactly 0, so the step became infinitely long. The airbag eps was missing.`,
        firstEqual: (stride: string, steep: string, times: string) =>
          `First step: both feet go ${stride}, although the slope along ${steep} is ${times} times as steep. The first brake is the slope itself, so only its direction counts.`,
        firstBySlope: (long: string, far: string, near: string, short: string) =>
          `First step: the steeper the slope, the longer the step. ${long} goes ${far}, ${short} only ${near}.`,
        level: () => 'The ground is level here: no slope, so no step.',
        rolling: (stride: string) => `The ground is level, but the run-up carries the hiker on for ${stride}.`,
        silentTired: (axis: string, other: string, stride: string) =>
          `${axis} stands still, for its slope is 0; so it does not get tired either. ${other} goes ${stride} and is the more tired of the two.`,
        silent: (axis: string, other: string, stride: string) =>
          `${axis} stands still, for its slope is 0 in this step. ${other} goes ${stride}.`,
        flying: (axis: string, times: string) =>
          `The hiker is flying out of the valley: along ${axis} each step is ${times} times as long as the one before, and uphill.`,
        exhausted: (axis: string, g: string, times: string) =>
          `Exhausted: along ${axis} there is still a slope of ${g}, but the brake has made the step ${times} times shorter than it was at the beginning.`,
        arrived: (g: string, stride: string) =>
          `As good as there: the slope is down to ${g}, and the step with it, to ${stride}.`,
        uphill: (axis: string, stride: string) =>
          `${axis} goes uphill by ${stride}: the run-up is stronger than the slope.`,
        crossed: (axis: string, stride: string) =>
          `${axis} had stepped across the valley floor: its slope points the other way now, and it comes back by ${stride}.`,
        recoveringFresh: (axis: string, times: string) =>
          `${axis} is recovering: old fatigue fades, and for the same slope it now steps ${times} times as far as at the start.`,
        recovering: (axis: string, times: string) =>
          `${axis} is recovering: old fatigue fades and the brake lets go. For the same slope its step is still ${times} times shorter than at the start.`,
        uneven: (tired: string, fresh: string, times: string) =>
          `${tired} is tired, ${fresh} is fresh: for the same slope ${fresh} would step ${times} times as far.`,
        braked: (axis: string, times: string) =>
          `The mud is at work: for the same slope, ${axis} steps ${times} times shorter than at the start.`,
        steady: (dx: string, dy: string) => `x goes ${dx} and y goes ${dy}: slope times stride, nothing else.`,
      },
      maths: {
        start: (gx: string, gy: string) => `t = 0. The gradient is (${gx}, ${gy}); no update has been made yet.`,
        zeroByZero: (t: string, axis: string) =>
          `Update ${t}: the gradient and the state of ${axis} are both 0, so the update is 0/0 = NaN. NumPy only warns (RuntimeWarning), and the NaN spreads. With eps > 0 the quotient would be 0.`,
        rootOfNegative: (t: string, axis: string, state: string) =>
          `Update ${t}: ${state} of ${axis} is negative, and the square root of a negative number is NaN. A sum of squares cannot become negative.`,
        notANumber: (t: string, axis: string) => `Update ${t}: ${axis} became NaN from infinities (∞ − ∞ or ∞/∞).`,
        overflow: (t: string, axis: string) =>
          `Update ${t}: ${axis} overflowed float64 (more than 1.8×10³⁰⁸). The iteration diverges: lr is too large for this curvature.`,
        noSlope: (t: string, axis: string) =>
          `Update ${t}: the gradient along ${axis} is NaN at this point; the function has none there.`,
        divisionByZero: (t: string, axis: string) =>
          `Update ${t}: along ${axis} a gradient that is not 0 was divided by 0, which gives ∞. With eps > 0 the quotient would be finite.`,
        firstEqual: (stride: string, steep: string, times: string) =>
          `The first update is lr · sign(g): |Δx| = |Δy| = ${stride}, although |g| is ${times} times as large along ${steep}.`,
        firstBySlope: (long: string, far: string, near: string, short: string) =>
          `The first update grows with |g|: ${far} along ${long}, ${near} along ${short}.`,
        level: () => 'The gradient is exactly 0, and so is the update.',
        rolling: (stride: string) => `The gradient is 0; the velocity alone moves the parameters by ${stride}.`,
        silentTired: (axis: string, other: string, stride: string) =>
          `The gradient along ${axis} is 0: neither ${axis} nor its state grows. ${other} changes by ${stride}, at a smaller effective rate than ${axis} has kept.`,
        silent: (axis: string, other: string, stride: string) =>
          `The gradient along ${axis} is 0, so ${axis} does not change. ${other} changes by ${stride}.`,
        flying: (axis: string, times: string) =>
          `Divergence: |Δ${axis}| grew by the factor ${times}, and the loss rises above its start.`,
        exhausted: (axis: string, g: string, times: string) =>
          `Stalled: along ${axis} the gradient is still ${g}, but the effective rate is ${times} times smaller than at the first update.`,
        arrived: (g: string, stride: string) => `Converged: the gradient norm is ${g}, the update ${stride}.`,
        uphill: (axis: string, stride: string) =>
          `${axis} changes by ${stride}, with the sign of its gradient: the accumulated velocity outweighs it.`,
        crossed: (axis: string, stride: string) =>
          `The gradient along ${axis} has changed its sign: an overshoot. ${axis} changes by ${stride}.`,
        recoveringFresh: (axis: string, times: string) =>
          `The effective rate of ${axis} rises as old squares decay; it is ${times} times that of the first update.`,
        recovering: (axis: string, times: string) =>
          `The effective rate of ${axis} rises as old squares decay; it is still ${times} times smaller than at the first update.`,
        uneven: (tired: string, fresh: string, times: string) =>
          `The effective rate of ${fresh} is ${times} times that of ${tired}.`,
        braked: (axis: string, times: string) =>
          `The effective rate of ${axis} is ${times} times smaller than at the first update.`,
        steady: (dx: string, dy: string) => `Δx = ${dx}, Δy = ${dy}; the effective rates are those of the first update.`,
      },
    },
  },
  ja: {
    title: { metaphor: '疲れの記録', maths: '数値の記録' },
    lead: {
      metaphor: 'この一歩で、x と y それぞれの足が何を感じ、何を覚え、どう動いたか。',
      maths: '座標ごとの勾配、状態変数、実効学習率、更新量です。',
    },
    step: (t: string, n: string) => `${n} 歩のうち ${t} 歩目`,
    g: { metaphor: '坂の傾き g', maths: '勾配 g' },
    brake: { metaphor: 'ブレーキ（歩幅に掛かる倍率）', maths: '実効学習率 ÷ lr' },
    rate: { metaphor: '傾き 1 に対する歩幅', maths: '実効学習率' },
    stride: { metaphor: '実際に進んだ一歩', maths: '更新量 Δ（後 − 前）' },
    place: { metaphor: '立っている場所', maths: 'パラメータ' },
    square: {
      metaphor: (name: string) => `疲れ ${name}：正方形の面積`,
      maths: (name: string) => `${name} ＝ 正方形の面積`,
    },
    strides: {
      metaphor: (name: string) => `これまでの歩幅の記憶 ${name}：正方形の面積`,
      maths: (name: string) => `${name} ＝ 正方形の面積（更新量の2乗）`,
    },
    signed: {
      metaphor: (name: string) => `勢い ${name}`,
      maths: (name: string) => `${name}（符号つき）`,
    },
    side: (side: string) => `一辺 ${side}`,
    added: (name: string, amount: string) => `${name} に +${amount}`,
    faded: (name: string, amount: string) => `${name} から −${amount}`,
    same: (name: string) => `${name} は変化なし`,
    noState: {
      metaphor: '記憶なし。この靴はぬかるみを感じないので、ブレーキもありません。',
      maths: '状態変数なし。実効学習率は lr そのものです。',
    },
    scaleOf: '棒の長さの基準',
    wholeWalk: '全行程',
    thisStep: 'この一歩',
    table: 'この一歩の数値',
    quantity: '量',
    sentences: {
      metaphor: {
        start: (gx: string, gy: string) =>
          `スタート地点。坂の傾きは x 方向に ${gx}、y 方向に ${gy}。まだ一歩も歩いていません。`,
        zeroByZero: (t: string, axis: string) =>
          `${t} 歩目：${axis} 方向は坂も疲れも 0 なので、歩幅の計算が 0÷0 になりました。答えは数ではなく（NaN）、触れた数もすべて NaN に変わっていきます。エアバッグ eps がなかったからです。`,
        rootOfNegative: (t: string, axis: string, state: string) =>
          `${t} 歩目：${axis} の疲れ ${state} が 0 を下回りました。負の数には平方根がないのでブレーキが NaN になり、ハイカーは行方不明です。2乗を足していれば、負になることはありません。`,
        notANumber: (t: string, axis: string) =>
          `${t} 歩目：${axis} 方向で無限大どうしがぶつかり、数ではないもの（NaN）になりました。ハイカーは行方不明です。`,
        overflow: (t: string, axis: string) =>
          `${t} 歩目：${axis} 方向に、コンピュータが表せる最大の数（1.8×10³⁰⁸）の外まで飛び出しました。一歩ごとに次の一歩が長くなっていったからです。`,
        noSlope: (t: string, axis: string) =>
          `${t} 歩目：ここでは ${axis} 方向の坂がもともと決まりません（NaN）。ハイカーは行方不明です。`,
        divisionByZero: (t: string, axis: string) =>
          `${t} 歩目：${axis} 方向で、坂をちょうど 0 のブレーキで割ってしまい、歩幅が無限大になりました。エアバッグ eps がなかったからです。`,
        firstEqual: (stride: string, steep: string, times: string) =>
          `最初の一歩：${steep} 方向の坂は ${times} 倍も急なのに、どちらの足も同じ ${stride} だけ進みます。最初のブレーキは坂の急さそのものなので、向きだけが残るのです。`,
        firstBySlope: (long: string, far: string, near: string, short: string) =>
          `最初の一歩：坂が急なほど歩幅も大きく、${long} は ${far}、${short} は ${near} だけ進みます。`,
        level: () => 'ここは平らです。坂がないので、足も動きません。',
        rolling: (stride: string) => `平らな場所ですが、ついた勢いで ${stride} 進みます。`,
        silentTired: (axis: string, other: string, stride: string) =>
          `${axis} は坂が 0 なので動かず、疲れもたまりません。${other} は ${stride} 進み、そのぶん疲れています。`,
        silent: (axis: string, other: string, stride: string) =>
          `${axis} は、この一歩では坂が 0 なので動きません。${other} は ${stride} 進みます。`,
        flying: (axis: string, times: string) =>
          `谷から飛び出しています。${axis} 方向の歩幅が前の一歩の ${times} 倍になり、しかも登っています。`,
        exhausted: (axis: string, g: string, times: string) =>
          `疲れきっています。${axis} 方向にはまだ ${g} の坂があるのに、ブレーキのせいで歩幅は最初の ${times} 分の 1 です。`,
        arrived: (g: string, stride: string) =>
          `ほぼ到着です。坂は ${g} まで緩み、歩幅も ${stride} まで小さくなりました。`,
        uphill: (axis: string, stride: string) => `${axis} は坂を登る向きに ${stride} 進みます。勢いが坂に勝っています。`,
        crossed: (axis: string, stride: string) =>
          `${axis} は谷底をまたいでいました。坂の向きが逆になり、${stride} だけ戻ります。`,
        recoveringFresh: (axis: string, times: string) =>
          `${axis} は回復中です。古い疲れが薄れ、同じ坂なら最初の ${times} 倍の歩幅で歩けます。`,
        recovering: (axis: string, times: string) =>
          `${axis} は回復中です。古い疲れが薄れてブレーキが緩みました。それでも同じ坂での歩幅は、まだ最初の ${times} 分の 1 です。`,
        uneven: (tired: string, fresh: string, times: string) =>
          `${tired} は疲れ、${fresh} は元気です。同じ坂なら、${fresh} は ${tired} の ${times} 倍の歩幅で歩きます。`,
        braked: (axis: string, times: string) =>
          `ぬかるみが効いています。同じ坂での ${axis} の歩幅は、最初の ${times} 分の 1 です。`,
        steady: (dx: string, dy: string) => `x は ${dx}、y は ${dy} 進みます。坂の傾きに歩幅を掛けた、ただそれだけの一歩です。`,
      },
      maths: {
        start: (gx: string, gy: string) => `t = 0。勾配は (${gx}, ${gy})。まだ一度も更新していません。`,
        zeroByZero: (t: string, axis: string) =>
          `${t} 回目の更新：${axis} の勾配も状態変数も 0 なので、更新量が 0/0 = NaN になりました。NumPy は警告（RuntimeWarning）を出すだけで、NaN が広がっていきます。eps > 0 なら商は 0 です。`,
        rootOfNegative: (t: string, axis: string, state: string) =>
          `${t} 回目の更新：${axis} の ${state} が負になり、平方根が NaN になりました。2乗の和なら負になりません。`,
        notANumber: (t: string, axis: string) =>
          `${t} 回目の更新：${axis} が無限大どうしの演算（∞ − ∞ や ∞/∞）で NaN になりました。`,
        overflow: (t: string, axis: string) =>
          `${t} 回目の更新：${axis} が float64 の上限（1.8×10³⁰⁸）を超えました。この曲率に対して lr が大きすぎ、反復が発散しています。`,
        noSlope: (t: string, axis: string) =>
          `${t} 回目の更新：この点では ${axis} の勾配が NaN です。関数に勾配がありません。`,
        divisionByZero: (t: string, axis: string) =>
          `${t} 回目の更新：${axis} で 0 でない勾配を 0 で割り、∞ になりました。eps > 0 なら商は有限です。`,
        firstEqual: (stride: string, steep: string, times: string) =>
          `最初の更新は lr · sign(g) です。|g| は ${steep} 方向が ${times} 倍も大きいのに、|Δx| = |Δy| = ${stride} になります。`,
        firstBySlope: (long: string, far: string, near: string, short: string) =>
          `最初の更新量は |g| に応じて大きくなります。${long} は ${far}、${short} は ${near} です。`,
        level: () => '勾配がちょうど 0 なので、更新量も 0 です。',
        rolling: (stride: string) => `勾配は 0 ですが、速度だけでパラメータが ${stride} 動きます。`,
        silentTired: (axis: string, other: string, stride: string) =>
          `${axis} の勾配は 0 なので、${axis} も状態変数も変わりません。${other} は ${stride} 変わりますが、実効学習率は ${axis} より小さくなっています。`,
        silent: (axis: string, other: string, stride: string) =>
          `${axis} の勾配は 0 なので、${axis} は変わりません。${other} は ${stride} 変わります。`,
        flying: (axis: string, times: string) =>
          `発散しています。|Δ${axis}| が ${times} 倍になり、損失は最初の値を超えて増えています。`,
        exhausted: (axis: string, g: string, times: string) =>
          `停滞しています。${axis} の勾配はまだ ${g} ありますが、実効学習率は最初の更新の ${times} 分の 1 です。`,
        arrived: (g: string, stride: string) => `収束しています。勾配のノルムは ${g}、更新量は ${stride} です。`,
        uphill: (axis: string, stride: string) =>
          `${axis} は勾配と同じ符号で ${stride} 変わります。蓄えた速度が勾配を上回っています。`,
        crossed: (axis: string, stride: string) =>
          `${axis} の勾配の符号が変わりました（行き過ぎ）。${axis} は ${stride} 変わります。`,
        recoveringFresh: (axis: string, times: string) =>
          `古い2乗が減衰して ${axis} の実効学習率が上がり、最初の更新の ${times} 倍になっています。`,
        recovering: (axis: string, times: string) =>
          `古い2乗が減衰して ${axis} の実効学習率が上がりました。それでも最初の更新の ${times} 分の 1 です。`,
        uneven: (tired: string, fresh: string, times: string) => `${fresh} の実効学習率は ${tired} の ${times} 倍です。`,
        braked: (axis: string, times: string) => `${axis} の実効学習率は、最初の更新の ${times} 分の 1 です。`,
        steady: (dx: string, dy: string) => `Δx = ${dx}、Δy = ${dy}。実効学習率は最初の更新のままです。`,
      },
    },
  },
});
