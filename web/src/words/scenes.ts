/** The classic scenes: a name and what to look at. */
import { both } from './type';

export const sceneWords = both({
  en: {
    valley: { name: 'Narrow valley', look: { metaphor: 'SGD zigzags. Adagrad walks straight down: each direction brakes by its own fatigue.', maths: 'SGD oscillates. Adagrad descends evenly: each coordinate has its own effective learning rate.' } },
    turned: { name: 'The same valley, turned 45°', look: { metaphor: 'The shoes feel x and y, not the valley: turn it, and Adagrad’s help is gone.', maths: 'Adagrad scales coordinate by coordinate: off the axes its advantage is gone.' } },
    noise: { name: 'Noise tires Adagrad', look: { metaphor: 'Every wobble adds to the fatigue, so the stride falls like 1/√t, while RMSprop forgets and walks on.', maths: 'With noise h grows linearly and the effective rate falls like 1/√t; RMSprop’s does not.' } },
    cliff: { name: 'Cliff, then gentle valley', look: { metaphor: 'One steep cliff, and Adagrad is too tired for the long gentle valley behind it.', maths: 'One large gradient dominates h for good; the long valley stays out of reach.' } },
    sparse: { name: 'The rare word', look: { metaphor: 'y moves only now and then, so it is hardly tired: when its turn comes, Adagrad lets it stride about twice as far as x.', maths: 'y’s gradient is mostly 0, so its h grows slowly and its effective rate stays about twice that of x; with SGD both are the same.' } },
    airbag: { name: 'No airbag', look: { metaphor: 'Start exactly on the axis without the airbag eps: 0 ÷ 0, and the hiker is NaN.', maths: 'g = 0 and ε = 0 give 0/0 = NaN at the first step.' } },
    saddle: { name: 'The pass', look: { metaphor: 'Almost no slope to the side: SGD waits on the pass, Adagrad walks off at once.', maths: 'The escape direction has a tiny gradient; scaling by 1/√h makes it count at once.' } },
  },
  ja: {
    valley: { name: '細長い谷', look: { metaphor: 'SGD はジグザグ。Adagrad はまっすぐ下ります。方向ごとの疲れに合わせてブレーキがかかるからです。', maths: 'SGD は振動し、Adagrad はまっすぐ下ります。座標ごとに実効学習率が違うからです。' } },
    turned: { name: '45° 回した谷', look: { metaphor: '靴が感じるのは x と y だけで、谷の向きは分かりません。谷を回すと Adagrad の強みは消えます。', maths: 'Adagrad の調整は座標ごとです。谷が軸からずれると利点は消えます。' } },
    noise: { name: 'ノイズで疲れる Adagrad', look: { metaphor: 'ふらつくたびに疲れがたまり、歩幅は 1/√t で縮みます。忘れる RMSprop は歩き続けます。', maths: 'ノイズがあると h は歩数に比例して増え、実効学習率は 1/√t で下がります。RMSprop は下がりません。' } },
    cliff: { name: '崖と、なだらかな谷', look: { metaphor: '崖を一度下りただけで疲れ切った Adagrad は、その先の長い谷を歩けません。', maths: '一度の大きな勾配が h を支配し続け、先の長い谷に届きません。' } },
    sparse: { name: 'めったに出ない単語', look: { metaphor: 'y はたまにしか動かないので、あまり疲れません。順番が来ると、Adagrad の y は x の二倍ほど大きく踏み出せます。', maths: 'y の勾配はほとんど 0 なので h の増え方が遅く、実効学習率は x の二倍ほどに保たれます。SGD ではどちらも同じです。' } },
    airbag: { name: 'エアバッグなし', look: { metaphor: 'エアバッグ eps を外して軸の真上から出発すると、0 ÷ 0 でハイカーは NaN になります。', maths: 'g = 0 かつ ε = 0 なら、最初の一歩が 0/0 = NaN です。' } },
    saddle: { name: '峠', look: { metaphor: '横の勾配はほぼゼロ。SGD は峠で立ち往生し、Adagrad はすぐに下り始めます。', maths: '抜け出す方向の勾配はごく小さいのですが、1/√h 倍されるのですぐに効きます。' } },
  },
});
