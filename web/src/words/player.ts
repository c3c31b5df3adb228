/** The formula player's words: every line of every rule, said by what it makes, what it reads and what it is for. */
import { both } from './type';

export const player = both({
  en: {
    title: 'Formula, line by line',
    lead: {
      metaphor: 'One step of the hiker in slow motion: the code, the formula with its live numbers, and what it means.',
      maths: 'One update of the rule, line by line: code, formula with the live values, meaning.',
    },
    play: 'Play one step slowly',
    stop: 'Stop',
    next: 'Next line',
    back: 'Line before',
    coordinate: 'Coordinate',
    step: (t: string) => `Step ${t}`,
    stands: (axis: string) => `w is ${axis}, g is the slope along ${axis}`,
    line: (k: string, n: string) => `Line ${k} of ${n}`,
    changed: 'wrong on purpose',
    keys: 'Arrow keys up and down go through the lines.',
    settings: 'Settings',
    lines: {
      accumulate: {
        metaphor: 'The foot gets more tired: the square of the slope is added. Uphill or downhill, fatigue only grows.',
        maths: 'The squared gradient is added; the accumulator never shrinks.',
      },
      fade: {
        metaphor: 'Old fatigue fades a little, then the square of the new slope is mixed in: these shoes forget.',
        maths: 'A running mean of squared gradients: the old value is scaled down, the new square mixed in.',
      },
      overwrite: {
        metaphor: 'The old fatigue is thrown away: only this step counts.',
        maths: 'The state is replaced by the newest value; nothing is accumulated.',
      },
      velocity: {
        metaphor: 'The run-up: most of the old speed is kept, and the slope gives a push.',
        maths: 'The velocity: a share of the old one plus the new gradient term.',
      },
      smoothSlope: {
        metaphor: 'The remembered slope turns a little towards the new one, so that a single bump does not throw the hiker.',
        maths: 'The first moment: an exponential mean of the gradients.',
      },
      smoothSquare: {
        metaphor: 'The fatigue moves a little towards the square of the new slope; old fatigue fades.',
        maths: 'The second moment: an exponential mean of the squared gradients.',
      },
      pastSteps: {
        metaphor: 'The memory of past strides: old ones fade, and the square of this stride is mixed in.',
        maths: 'A running mean of squared steps.',
      },
      memory: {
        metaphor: (name: string) => `The memory ${name} is renewed from what was there and what the foot has just felt.`,
        maths: (name: string) => `The state ${name} is updated.`,
      },
      plainMove: {
        metaphor: 'Step downhill: the steeper the slope, the longer the step. Nothing holds the foot back.',
        maths: 'A step against the gradient, proportional to it.',
      },
      brakedMove: {
        metaphor: 'Step downhill, divided by the root of the fatigue: a tired foot takes short steps. The tiny eps is the airbag against dividing by 0.',
        maths: 'A step against the gradient, divided by the root of the state; eps keeps the quotient finite.',
      },
      velocityMove: {
        metaphor: 'The foot goes where the run-up carries it.',
        maths: 'The parameter moves by the velocity.',
      },
      aheadMove: {
        metaphor: 'The foot goes with the run-up, and already looks one step ahead.',
        maths: 'Nesterov: velocity and gradient together, with the gradient taken at the point looked ahead to.',
      },
      adamMove: {
        metaphor: 'Step along the remembered slope, divided by the root of the fatigue: run-up and brake together.',
        maths: 'The first moment over the root of the second, times the corrected rate.',
      },
      makeStep: {
        metaphor: 'The stride is measured: how long past strides were, over how steep past slopes were, times the slope.',
        maths: 'The step: the root of past squared steps over the root of past squared gradients, times the gradient.',
      },
      takeStep: {
        metaphor: 'The foot makes the stride that was measured.',
        maths: 'The parameter moves by the step, times lr.',
      },
      shrink: {
        metaphor: 'Before the step everything is pulled a little towards 0, apart from slope and fatigue.',
        maths: 'Decoupled weight decay: w shrinks by a share of itself; the state does not see it.',
      },
      move: {
        metaphor: (name: string) => `Part of the step: ${name} is made ready.`,
        maths: (name: string) => `${name} is computed for the step.`,
      },
      correctedRate: {
        metaphor: 'The memories started at 0 and still say too little; the stride setting makes up for it.',
        maths: 'The learning rate with both bias corrections: the moments started at 0.',
      },
      correctedEps: {
        metaphor: 'The airbag is fitted to memories that still say too little.',
        maths: 'eps scaled by the bias correction, so that it adds to the corrected root.',
      },
      setting: {
        metaphor: (name: string) => `A setting is made ready: ${name}. It is the same for x and y.`,
        maths: (name: string) => `${name} is made from settings alone.`,
      },
      gradient: {
        metaphor: 'The slope is changed before the shoes feel it.',
        maths: 'The gradient is transformed before the rule sees it.',
      },
    },
  },
  ja: {
    title: '式を1行ずつ',
    lead: {
      metaphor: 'ハイカーの一歩をスローモーションで。コードと、いまの数値を入れた式と、その意味を並べます。',
      maths: '1回の更新を1行ずつ。コード、現在の値を代入した式、意味を並べます。',
    },
    play: '一歩をゆっくり再生',
    stop: '止める',
    next: '次の行',
    back: '前の行',
    coordinate: '座標',
    step: (t: string) => `${t} 歩目`,
    stands: (axis: string) => `w は ${axis}、g は ${axis} 方向の傾き`,
    line: (k: string, n: string) => `${n} 行のうち ${k} 行目`,
    changed: 'わざと間違えた行',
    keys: '上下の矢印キーで行を移れます。',
    settings: '設定',
    lines: {
      accumulate: {
        metaphor: '足が疲れます。坂の傾きの2乗を足すので、登りでも下りでも疲れは増えるだけです。',
        maths: '勾配の2乗を足します。この和が減ることはありません。',
      },
      fade: {
        metaphor: '古い疲れが少し薄れ、新しい坂の2乗が混ざります。この靴は忘れるのです。',
        maths: '勾配の2乗の移動平均です。古い値を割り引き、新しい2乗を混ぜます。',
      },
      overwrite: {
        metaphor: 'これまでの疲れを捨てて、この一歩だけで決めてしまいます。',
        maths: '状態変数を最新の値で置き換えます。何も蓄積しません。',
      },
      velocity: {
        metaphor: '勢いです。これまでの速さをほとんど残し、そこへ坂がひと押しします。',
        maths: '速度です。古い速度の一部に、新しい勾配の項を加えます。',
      },
      smoothSlope: {
        metaphor: '覚えている坂の向きを、新しい坂へ少しだけ寄せます。ひとつのでこぼこに振り回されません。',
        maths: '1次モーメント。勾配の指数移動平均です。',
      },
      smoothSquare: {
        metaphor: '疲れを、新しい坂の2乗へ少しだけ寄せます。古い疲れは薄れていきます。',
        maths: '2次モーメント。勾配の2乗の指数移動平均です。',
      },
      pastSteps: {
        metaphor: 'これまでの歩幅の記憶です。古い記憶が薄れ、この歩幅の2乗が混ざります。',
        maths: '更新量の2乗の移動平均です。',
      },
      memory: {
        metaphor: (name: string) => `これまでの記憶と、いま足が感じたことから、記憶 ${name} を新しくします。`,
        maths: (name: string) => `状態変数 ${name} を更新します。`,
      },
      plainMove: {
        metaphor: '坂を下ります。急なほど大きな一歩です。足を引き止めるものはありません。',
        maths: '勾配の逆向きに、勾配に比例して進みます。',
      },
      brakedMove: {
        metaphor: '坂を下る一歩を、疲れの平方根で割ります。疲れた足ほど小股です。ごく小さな eps は、0 で割らないためのエアバッグです。',
        maths: '勾配の逆向きの一歩を、状態変数の平方根で割ります。eps は商を有限に保ちます。',
      },
      velocityMove: {
        metaphor: '勢いの運ぶ先へ足を進めます。',
        maths: '速度の分だけパラメータを動かします。',
      },
      aheadMove: {
        metaphor: '勢いに乗って進みながら、もう一歩先を見ています。',
        maths: 'Nesterov の更新です。速度と、先読みした点での勾配を合わせます。',
      },
      adamMove: {
        metaphor: '覚えている坂に沿って進み、疲れの平方根で割ります。勢いとブレーキの組み合わせです。',
        maths: '1次モーメントを2次モーメントの平方根で割り、補正した学習率を掛けます。',
      },
      makeStep: {
        metaphor: '歩幅を測ります。これまでの歩幅を、これまでの坂の急さで割り、いまの坂を掛けます。',
        maths: '更新量です。過去の更新量の2乗の平方根を、過去の勾配の2乗の平方根で割り、勾配を掛けます。',
      },
      takeStep: {
        metaphor: '測っておいた歩幅だけ足を進めます。',
        maths: '更新量に lr を掛けた分、パラメータを動かします。',
      },
      shrink: {
        metaphor: '一歩の前に、全体を少しだけ 0 へ引き寄せます。坂や疲れとは関係ありません。',
        maths: '分離した重み減衰です。w が自分の一定割合だけ縮み、状態変数には現れません。',
      },
      move: {
        metaphor: (name: string) => `一歩の準備です。${name} を求めます。`,
        maths: (name: string) => `更新に使う ${name} を計算します。`,
      },
      correctedRate: {
        metaphor: '記憶は 0 から始まったので、まだ控えめです。その分を歩幅の設定で補います。',
        maths: 'モーメントが 0 から始まる偏りを、両方とも補正した学習率です。',
      },
      correctedEps: {
        metaphor: 'まだ控えめな記憶に、エアバッグの大きさを合わせます。',
        maths: '偏りの補正に合わせた eps です。補正後の平方根に足すことになります。',
      },
      setting: {
        metaphor: (name: string) => `設定の準備です。${name} は x にも y にも共通です。`,
        maths: (name: string) => `${name} を設定だけから作ります。`,
      },
      gradient: {
        metaphor: '靴が感じる前に、坂の傾きに手を加えます。',
        maths: '規則に渡す前に、勾配を変換します。',
      },
    },
  },
});
