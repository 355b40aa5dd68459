/**
 * Weights of words in classes and ids: log odds that a picture is of its page’s subject. Written by `bench/seeing/learn.ts --write`
 * from the pages of dominance-weights.ts; each word is on 5 labelled sites or more. Do not edit.
 */

const read = (words: string): ReadonlyMap<string, number> =>
  new Map(
    words
      .trim()
      .split(/,\s+/)
      .map((entry) => entry.split(' '))
      .map(([word, weight]) => [word!, Number(weight)]),
  );

/** Of the picture itself, besides what they weigh around one. */
export const ownWeights: ReadonlyMap<string, number> = read(`
aligncenter 0.16, alignleft 0.15, animation -0.05, app 0.11, article -0.04, attachment -0.3, auto 0.2, avatar -0.23,
bar -0.08, block -0.07, blog -0.07, bottom 0.04, box -0.08, brand -0.08, btn -0.04, card 0.08, carousel 0.17,
category 0.15, center 0.22, circle -0.03, col 0.09, color -0.22, contain 0.36, content -0.19, cover 0.16, cta 0.04,
custom -0.16, dark 0.29, emoji -0.08, entry 0.2, featured -0.1, flex 0.3, fluid 0.33, full 0.62, gallery 0.11, gray 0.09,
grid 0.06, group -0.1, header 0.28, hidden 0.3, hover -0.11, icon -0.12, image 0.05, img 0.26, inline 0.24, inner 0.06,
lazy 0.04, lazyload 0.31, left -0.04, light -0.08, list 0.44, logo -0.13, medium 0.05, menu -0.1, mobile -0.07, none 0.05,
normal 0.16, object -0.17, opacity -0.09, overflow 0.16, photo 0.22, pointer 0.09, post -0.28, primary -0.12, product 0.7,
promo -0.04, reaction -0.06, relative 0.05, responsive -0.23, right 0.07, rounded -0.04, section 0.14, select 0.15,
shadow 0.25, single 0.16, size 0.09, skip -0.07, slide 0.16, small 0.03, smilie -0.18, square -0.04, style -0.13, sub 0.13,
tablet -0.04, text -0.19, thumb -0.17, thumbnail -0.07, top 0.15, transform 0.04, transition 0.06, white -0.1, width 0.04,
woocommerce -0.13, wrap -0.04, zoom 0.08
`);

/** Of the picture and what is around it. */
export const aroundWeights: ReadonlyMap<string, number> = read(`
about 0.16, above 0.06, absolute -0.18, accordion -0.14, account -0.04, action 0.19, active -0.16, add 0.03,
additional -0.13, align 0.35, aligncenter 0.17, aligned 0.04, alignleft 0.08, alignment 0.05, alignnone 0.1, all -0.21,
alt -0.12, anchor -0.11, and 0.08, animated 0.04, animation 0.1, app 0.13, area -0.16, arrow -0.12, arrows -0.17,
article -0.04, articles -0.37, aside -0.04, aspect 0.23, asset -0.16, attachment -0.24, author -0.3, auto 0.4,
avatar -0.35, awards 0.18, background 0.34, badge -0.05, banner 0.05, bar -0.23, base 0.16, basic -0.05, below -0.23,
best -0.13, between -0.11, big 0.08, bio -0.04, black 0.07, bleed -0.35, blend -0.1, block 0.31, blocks -0.2, blog -0.36,
blue -0.04, body 0.06, border -0.32, bottom 0.06, box 0.19, boxed 0.16, brand -0.23, branding -0.05, brands -0.06,
btn 0.08, builder -0.12, button 0.08, buttons -0.41, buy -0.18, byline -0.03, calc 0.1, call 0.03, callout 0.05, can 0.16,
canvas 0.32, caption -0.07, card -0.38, cards -0.19, carousel -0.1, cat -0.14, categories -0.18, category -0.03, cell 0.23,
center -0.23, centered -0.09, change -0.1, chat -0.22, child -0.12, children 0.12, circle -0.11, clear -0.17,
clearfix -0.14, client 0.04, close -0.04, code -0.04, col -0.58, collapsed 0.08, collection -0.56, color -0.16, cols 0.26,
column -0.21, columns 0.29, combination 0.12, comment -0.32, common 0.06, community 0.03, comp 0.2, compare 0.07,
component -0.3, con 0.35, constrained 0.2, contact -0.09, contain 0.36, container -0.13, content -0.1, contents -0.14,
control -0.05, cookie -0.04, copy -0.11, core 0.12, cover 0.29, css -0.09, cta -0.15, current 0.18, cursor 0.07, dark 0.2,
data 0.18, delay 0.15, description 0.13, design -0.09, desktop 0.24, detail -0.3, details -0.41, dialog -0.17,
direction 0.34, disabled -0.11, discussion -0.03, div -0.36, dom -0.07, down -0.05, download -0.11, drop -0.05,
dropdown -0.28, duration -0.29, dyn 0.05, dynamic 0.1, edit -0.07, effect 0.08, element 0.03, elementor 0.11, email 0.05,
embed -0.08, emoji -0.08, enabled 0.09, end 0.14, entity 0.08, entry 0.13, equal -0.15, even 0.28, event -0.07,
events 0.19, expand 0.07, expandable -0.09, external -0.04, fade -0.11, feature -0.44, featured 0.15, features -0.26,
feed 0.15, field 0.1, figure 0.27, fill 0.16, filter -0.17, first 0.06, fixed 0.42, flex 0.32, flow 0.15, fluid -0.49,
focus -0.18, font 0.15, footer -0.36, for 0.07, form -0.39, format 0.18, four -0.23, frame 0.07, from -0.06, full -0.26,
fullwidth -0.22, gallery 0.81, gap -0.46, global 0.04, gradient 0.2, gray -0.17, green -0.16, grey -0.24, grid -0.48,
group 0.07, grow -0.27, gtm 0.05, gutter 0.18, half -0.13, has 0.05, head -0.06, header 0.42, heading -0.04, height -0.1,
hentry 0.6, hero 0.28, hidden -0.14, hide 0.09, highlight 0.26, holder 0.2, home 0.59, horizontal 0.09, hover -0.59,
html -0.16, icons 0.14, image 0.51, images 0.29, img 0.65, index 0.25, individual 0.18, info 0.55, information -0.13,
inline 0.14, inner 0.18, inside -0.22, instock -0.12, intrinsic 0.15, intro 0.11, item -0.47, items 0.15, justify 0.24,
kadence -0.03, label 0.05, large 0.23, last -0.35, latest -0.06, layout 0.11, lazyload 0.29, left 0.13, level 0.14,
light -0.1, lightbox 0.16, line 0.1, link -0.07, links 0.12, list 0.49, listing 0.53, load -0.23, loaded 0.16,
loading -0.15, logo -0.33, logos -0.17, long -0.06, loop -0.28, ltr 0.04, main 0.16, margin 0.22, max 0.19, media 0.12,
medium -0.14, mega -0.03, megamenu -0.16, menu -0.34, message 0.17, meta -0.18, mid 0.06, middle -0.08, mini -0.26,
mix -0.1, mob -0.05, mod 0.28, modal -0.04, module 0.44, more -0.1, multi 0.14, name 0.14, nav -0.18, navbar -0.04,
navigation -0.11, nested -0.11, new 0.08, newsletter -0.05, next -0.1, node 0.2, normal 0.24, not 0.15, nowrap -0.25,
object 0.03, odd 0.21, offcanvas -0.16, offer 0.14, offers 0.16, offset -0.11, omega -0.07, one -0.19, only 0.05,
opacity -0.04, option -0.15, options -0.29, order 0.28, out -0.07, outline -0.06, overflow -0.25, overlay -0.13, owl 0.18,
pad 0.13, padded -0.25, padding 0.71, page 0.58, pane -0.08, panel -0.28, paragraph 0.13, parallax 0.19, parent 0.25,
passthrough 0.04, payment -0.04, pdp 0.32, phone -0.04, photo 0.22, picture 0.44, pinterest -0.03, placeholder 0.05,
play 0.2, plus 0.05, podcast 0.07, popular 0.04, populated -0.11, popup 0.28, pos -0.06, position 0.21, post -0.24,
posts -0.36, pre -0.15, prev -0.08, preview 0.22, previous -0.04, primary 0.24, print 0.11, prod 0.04, product 0.53,
products -0.34, profile 0.24, promo 0.03, publish 0.24, pull -0.1, purchasable -0.07, push 0.28, quick 0.25, quote 0.14,
radius 0.07, rail -0.23, ratio 0.24, react 0.29, reaction -0.06, reactions -0.07, recipe -0.07, recommended -0.1, red 0.09,
ree 0.07, reference 0.11, region -0.17, regular 0.52, rel 0.11, related -0.45, relative 0.46, repeat -0.08, resized -0.09,
responsive -0.16, reverse 0.52, reviews 0.1, revisions 0.1, right -0.22, root 0.3, rounded 0.05, rows -0.13, rss -0.05,
screen 0.18, scroll 0.34, scrollbar 0.06, sec 0.1, secondary -0.37, section 0.29, sections 0.08, select 0.23,
selected 0.12, self 0.08, service 0.03, services -0.04, shadow -0.09, shape 0.11, shipping -0.12, shop -0.11, shopify 0.09,
shortcode -0.07, show 0.32, shrink -0.53, side 0.05, sidebar -0.22, sides 0.05, simple -0.11, site -0.08, size 0.04,
sizing 0.15, skin -0.09, skip -0.11, slick 0.11, slide -0.23, slider -0.13, slides 0.24, slideshow 0.04, small 0.04,
smilie -0.18, social -0.07, solid 0.04, space 0.26, spacing 0.21, span 0.43, sqs -0.12, src -0.06, standard 0.2,
start -0.12, static -0.14, status 0.21, step 0.17, sticky -0.13, store -0.06, stories 0.07, stretch -0.07, style 0.09,
sub 0.2, submenu -0.14, summary -0.23, swatch -0.29, swiper 0.2, table 0.14, tablet -0.09, tabs 0.05, target 0.22,
taxable -0.06, teaser -0.24, template 0.13, testimonial -0.06, text -0.36, textwidget -0.11, theme 0.45, third -0.17,
thread -0.24, three -0.12, thumb 0.13, thumbnail 0.4, thumbnails 0.03, thumbs -0.07, tile -0.39, title -0.1, toggle 0.11,
top -0.18, track -0.03, transition -0.25, trending -0.22, trigger 0.04, trust -0.03, two 0.09, txt -0.07, type 0.15,
underline -0.14, unstyled 0.18, upper 0.13, valign -0.05, variant -0.2, vertical -0.06, video 0.31, view 0.18,
viewport 0.39, visible -0.12, white 0.16, widget -0.08, width -0.09, with 0.37, woocommerce -0.16, wrap -0.46,
wrapper -0.27, xxl 0.09, xxs -0.04, yui -0.1, zoom 0.18
`);
