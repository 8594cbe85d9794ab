"""Threads of every kind that authors write, made up for the tests: `MADE` by name; `ANNOUNCED`, what some promise.

Nothing here was ever posted. Other tests may import them; none should change one to suit itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bot.model import Author, Entry, Media, Post

AUTHOR = Author(handle="ida_bridge", name="Ida Bridge", url="https://x.com/ida_bridge")
FAMILY, FRANCE, SCOTLAND = "👨‍👩‍👧‍👦", "🇫🇷", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"


def image(name: str, alt: str = "") -> Media:
    return Media(kind="image", url=f"https://pbs.twimg.com/media/{name}.jpg", alt=alt)


def thread(key: str, *posts: str | Post) -> Entry:
    """A whole thread: each post is its text, or a `Post` with more."""
    made = tuple(
        Post(id=f"{key}{at:03d}", text=post) if isinstance(post, str) else post for at, post in enumerate(posts)
    )
    return Entry(
        feed_id="threadreader:ida_bridge",
        key=f"{key}000",
        url=f"https://threadreaderapp.com/thread/{key}000.html",
        author=AUTHOR,
        published=datetime(2026, 11, 20, 9, tzinfo=UTC),
        post_count=len(made),
        posts=made,
        whole=True,
    )


ANNOUNCED_LIST = thread(
    "1001",
    "I have built footbridges for twenty years, and the wind has taught me more than any school. Five lessons, "
    "the hard way. A thread 👇",
    "1/ Measure before you draw. Our first bridge hummed because nobody had stood on that bank in March, when the "
    "valley "
    "turns every breeze into a steady gale from the west.",
    "2/ Small things sing loudest. A gap of four millimetres under a handrail woke a whole village; we found it with a "
    "stethoscope and closed it with tape worth three euros.",
    "3/ Damping is cheaper than mass. We once added eleven tonnes of concrete to a deck that two small dampers would "
    "have "
    "calmed for a tenth of the price.",
    "4/ Ask the people who live there. The baker knew on which nights it hummed, the engineers did not, and she had "
    "kept a "
    "diary of it since the opening.",
    "5/ Write down what failed. The report on our worst mistake is the most read document that the office ever made.",
    "If you enjoyed this thread, follow me @ida_bridge and retweet the first post. Thanks for reading!",
)
NUMBERED = thread(
    "1002",
    "1/12 Why does the old town library lend more books than the new one, which is ten times as big? I spent a week "
    "in both. 🧵",
    *(
        f"{number}/12 {words}"
        for number, words in enumerate(
            (
                (
                    "The new library has 400,000 books, a café and a robot that fetches what you ask for within four "
                    "minutes."
                ),
                (
                    "The old one has 38,000 books and a librarian who asks what you read last. That question is the "
                    "whole secret."
                ),
                (
                    "Readers in the old library leave with three books on average. In the new library they leave with "
                    "one book."
                ),
                (
                    "The robot brings the book that was asked for. It never brings the book that stands beside it on "
                    "the shelf."
                ),
                "Half of all loans in the old library are of books that the reader had not looked for. I counted.",
                (
                    "The librarian walks. Over one day she walked eleven kilometres between the shelves, always with a "
                    "reader."
                ),
                (
                    "The new library measured how fast a book arrives. Nobody measured whether another book is found "
                    "on the way."
                ),
                (
                    "There was a trial: for a month the robot brought two neighbours with each book. Loans rose by a "
                    "third."
                ),
                (
                    "The trial ended because the average time for a book rose from four minutes to five. Speed was the "
                    "target."
                ),
                "What is measured is what gets better, and what the library lends was not among them.",
                "So the old library lends more books since it lets readers find what they did not look for.",
            ),
            2,
        )
    ),
)
ORDINALS = thread(
    "1003",
    "The ministry published its new rail strategy this morning. It pursues three objectives: (1) night trains "
    "between all "
    "capitals; (2) one ticket for every journey; (3) freight off the motorways. A 🧵 on what is missing.",
    "The text is 90 pages long and was written in great haste, as its annexes show. Most of it repeats what was said "
    "in spring.",
    "Four things are missing from it. First, money. Not one line of the plan has a sum beside it, and the finance "
    "ministry "
    "was not asked.",
    "Second, people. The plan needs 9,000 more drivers by 2031, while the schools train 600 of them in a year.",
    "Third, track. Night trains run on lines that are closed at night for repairs, a conflict that the text never "
    "mentions.",
    "Finally, a name. Nobody is responsible for the whole, so nobody will be when it fails.",
    "Despite all this the direction is right, and it is the first time that a government has said so.\n\n"
    "https://rail.example/strategy-2026",
)
STORY = thread(
    "1004",
    "In 1987 my grandfather bought a clock that did not run, and it changed the lives of everybody in our street.",
    "He was no clockmaker. He was a tram driver who could not bear to see a thing stand still.",
    "He took the clock apart on the kitchen table, and for eleven months we ate in the living room.",
    "The neighbours came to look, then to give advice, then to bring their own broken things. A radio. A sewing "
    "machine.",
    "By winter the kitchen was a workshop. My grandmother charged a cake for each repair, and the cakes were shared "
    "on Sundays.",
    "Then the tram depot closed, and half the street was without work. The kitchen was the one place where things "
    "were still mended.",
    "Eleven of them rented the empty depot and repaired what people brought: radios, bicycles, in the end trams.",
    "The clock never ran. When he died we found that he had taken out the spring himself, years ago, and hidden it.",
    "The workshop has ninety people today. The clock hangs above its door, and it stands still at ten past four.",
)
QUESTIONS = thread(
    "1005",
    "You asked me about heat pumps for a week. Here are the answers to what came up most. 👇",
    "Q: Do they work in an old house without insulation?\nA: Yes, if the radiators are large enough for water of 55 "
    "°C. Try it on a "
    "cold day before you buy anything.",
    "Q: Are they loud?\nA: A modern one at three metres is as loud as a fridge. The old ones were not, and that is "
    "where the "
    "stories come from.",
    "Q: What if the power fails?\nA: Then your gas boiler stops as well, because its pump and its control need power "
    "too.",
    "Q: When does it pay?\nA: When a unit of gas costs more than a third of a unit of power, it pays from the first "
    "winter on.",
    "Q: Can I keep my stove?\nA: Please do. It covers the two coldest weeks of the year, and the pump can be smaller "
    "for it.",
)
LIVE = thread(
    "1006",
    "I am at the harbour, where the first ship without a crew is due at ten. I will post what happens here. Live "
    "thread:",
    "09:40 Fog. The pilots say that they would not go out in this, which the people of the company do not like to "
    "hear.",
    "10:05 It is late. A radar screen shows it three miles out, turning in a circle.",
    "10:30 Update: the ship waits by itself, since it cannot see the buoy. Everybody agrees that this is right.",
    "11:15 The fog lifts. It comes in, slowly, with nobody on the bridge. 📸",
    "11:50 BREAKING: moored, without a scratch. The captain on shore drank four coffees and touched nothing.",
    "12:10 What I learn: the machine was more careful than we are. It lost two hours and risked nothing.",
)
JAPANESE = thread(
    "1007",
    "橋はなぜ風で鳴るのか。二十年間、橋を作ってきて学んだ四つの教訓をスレッドにまとめます。👇",
    "第一に、図面を引く前に測ること。最初の橋が鳴ったのは、三月の川岸に誰も立たなかったからです。谷は西風を強い流れに変えていました。",
    "第二に、小さなものほどよく鳴ります。手すりの下の四ミリの隙間が村中を起こしました。聴診器で見つけ、テープでふさぎました。",
    "第三に、重さより減衰のほうが安いこと。十一トンのコンクリートの代わりに、小さなダンパー二つで足りたはずでした。",
    "第四に、住む人に聞くこと。どの夜に鳴るかを知っていたのは、技術者ではなくパン屋さんでした。",
    "詳しくはこちらの論文をご覧ください。 https://bridge.example/ja/paper",
    "フォローしてくれると嬉しいです。",
)
ARABIC = thread(
    "1008",
    "لماذا تطن الجسور في الريح؟ أربعة دروس تعلمتها خلال عشرين عامًا من بناء الجسور. سلسلة 👇",
    "أولاً، قس قبل أن ترسم. كان جسرنا الأول يطن لأن أحدًا لم يقف على تلك الضفة في شهر مارس، حين يحول الوادي كل نسيم "
    "إلى ريح.",
    "ثانيًا، الأشياء الصغيرة أعلى صوتًا. فجوة من أربعة مليمترات تحت الدرابزين أيقظت القرية كلها، فسددناها بشريط لاصق.",
    "ثالثًا، التخميد أرخص من الكتلة. أضفنا مرة أحد عشر طنًا من الخرسانة، وكان مخمدان صغيران يكفيان بعشر الثمن.",
    "رابعًا، اسأل من يسكن هناك. كان الخباز يعرف في أي ليلة يطن الجسر، ولم يكن المهندسون يعرفون.",
    "تابعوني للمزيد، وأعد التغريد إن أعجبتك السلسلة.",
)
HINDI = thread(
    "1009",
    "पुल हवा में क्यों गूंजते हैं? बीस साल पुल बनाकर मैंने चार सबक सीखे। 🧵",
    "पहला सबक: नक्शा बनाने से पहले नापो। हमारा पहला पुल इसलिए गूंजता था क्योंकि मार्च में उस किनारे पर कोई खड़ा नहीं हुआ था।",
    "दूसरा सबक: छोटी चीजें सबसे ज़्यादा गूंजती हैं। रेलिंग के नीचे चार मिलीमीटर की दरार ने पूरे गाँव को जगा दिया था।",
    "तीसरा सबक: वज़न से सस्ता अवमंदन है। हमने ग्यारह टन कंक्रीट डाला, जबकि दो छोटे अवमंदक काफ़ी थे।",
    "चौथा सबक: वहाँ रहने वालों से पूछो। किस रात पुल गूंजता है, यह बेकरी वाला जानता था, इंजीनियर नहीं।",
    "मुझे फ़ॉलो करें और शेयर करें।",
)
CHINESE = thread(
    "1010",
    "桥为什么会在风中嗡嗡作响？造了二十年桥，我学到了三个教训。",
    "第一，先测量再画图。我们的第一座桥会响，是因为三月里没有人在那个河岸上站过。山谷把每一阵微风都变成了西边来的大风。",
    "第二，小东西最响。扶手下面四毫米的缝隙吵醒了全村人，我们用听诊器找到它，用胶带把它封上。",
    "第三，阻尼比重量便宜。我们加了十一吨混凝土，其实两个小阻尼器就够了，而且只要十分之一的价钱。",
    "最后，欢迎转发，也请关注我。",
)
HEBREW = thread(
    "1011",
    "למה גשרים מזמזמים ברוח? שלושה לקחים מעשרים שנות בנייה. שרשור 👇",
    "1. למדוד לפני שמשרטטים. הגשר הראשון שלנו זמזם כי איש לא עמד על הגדה ההיא במרץ, כשהעמק הופך כל רוח קלה לסערה.",
    "2. דברים קטנים שרים הכי חזק. רווח של ארבעה מילימטרים מתחת למעקה העיר כפר שלם.",
    "3. לשאול את מי שגר שם. האופה ידע באיזה לילה הגשר מזמזם, המהנדסים לא ידעו.",
)
EMOJI_HEAVY = thread(
    "1012",
    f"🔥🔥🔥 BIG NEWS 🔥🔥🔥\n\nWe are opening three bakeries this year!!! {FRANCE}{SCOTLAND}{FAMILY} 🥐🥐🥐",
    f"🥐 Lyon {FRANCE} – in May, in the old fire station, with a wood oven 🔥 that is {FAMILY}-friendly 😍😍😍",
    f"🥯 Glasgow {SCOTLAND} – in June, beside the canal ⛵⛵⛵ and open from 5 in the morning ☀️",
    "🍞 A boat 🚢 – yes, a boat! It bakes while it sails 🌊🌊🌊 and stops at a new quay each day 🗺️",
    "😍😍😍😍😍😍😍😍😍😍",
    f"{FAMILY * 20}{FRANCE * 20}{SCOTLAND * 10}",
    "🙏 Thank you all, from the four of us 👩🏽‍🍳👨🏻‍🍳👩🏿‍🍳👨‍🍳 who started with one oven in a garage!",
)
IMAGES_ONLY = thread(
    "1013",
    *(
        Post(id=f"1013{at:03d}", text="", media=(image(f"harbour{at}", "The harbour at dawn" if at == 1 else ""),))
        for at in range(6)
    ),
)
_LONG_POST = (
    "Our town is going to sell its forest, and I have read all 214 pages of the contract so that you need not. "
    "The forest has been ours since 1612. It was a gift to the poor of the town, who were to have its wood for ever. "
    "The contract names a price of nine million, which is what the trees alone are worth as timber. "
    "Nothing is paid for the ground, nor for the water that comes from it. "
    "The waterworks draw two thirds of our water from wells in the forest. "
    "After the sale the wells stay with the town, but the ground around them does not, and the buyer may log up to "
    "the fence. "
    "The law would ask for a protected zone of 200 metres; the contract says that both sides hold this zone to be in "
    "place already. "
    "It is not. The survey that the contract cites is of another forest with the same name. "
    "I wrote to the surveyor, who was as surprised as I was. "
    "The buyer is a company founded in March. It has one share, one director and no employees. "
    "The director is the brother-in-law of the man who valued the trees for the town. "
    "The council was told of this in a note on page 187, between two tables. "
    "Seven of the eleven councillors told me that they had not read that far. "
    "The sale can still be stopped: the contract needs the consent of the district, and the district has until the "
    "14th of December. "
    "Anyone who lives in the town may write to it; the address is at the town hall, and a letter by hand counts as "
    "much as one by a lawyer. "
)
ONE_LONG_POST = thread("1014", (_LONG_POST * 3)[:4000].rsplit(" ", 1)[0] + ".")
_SUBJECTS = (
    "The north tower",
    "The south tower",
    "The deck",
    "The east cable",
    "The west cable",
    "The anchor block",
    "The pier",
)
_VERBS = (
    "was painted",
    "was measured again",
    "moved by a hair",
    "held in the storm",
    "was closed for a night",
    "hummed at noon",
)
THREE_HUNDRED = thread(
    "1015",
    "A diary of the great bridge, one post a day for 300 days. What I want to show: a bridge is never finished.",
    *(
        f"Day {day}. {_SUBJECTS[day % 7]} {_VERBS[day % 6]}, and {_SUBJECTS[day * 3 % 7].lower()} "
        f"{_VERBS[day * 5 % 6]}. The wind came with {day % 11 + 1} metres a second."
        for day in range(1, 300)
    ),
)
LINKS_ONLY = thread(
    "1016",
    *(
        Post(
            id=f"1016{at:03d}",
            text=f"https://news{at}.example/story/{at}?id=77",
            links=(f"https://news{at}.example/story/{at}?id=77",),
        )
        for at in range(8)
    ),
)
PLEA_AT_END = thread(
    "1017",
    "Your phone does not listen to you. What it does is worse, and it needs no microphone at all.",
    "Every app you open tells a broker where you are, to within ten metres, up to 400 times a day.",
    "The broker knows who sleeps under the same roof. So when your sister looks at shoes, you see the shoes.",
    "It knows whose phones met at dinner. When a friend talks of Lisbon, he has looked for flights before, and you "
    "were beside him.",
    "You can end most of it in a minute: switch off the advertising identifier in the settings, under privacy.",
    "That's it! If you liked this thread:\n\n1. Follow me @ida_bridge for more of these\n2. RT the post below to "
    "share it with your friends",
    "Subscribe to my newsletter: https://letters.example/ida",
)
CONTENTS = thread(
    "1018",
    "Everything I know about bread, in one thread. What is inside:\n\n1. Flour\n2. Water\n3. Salt\n4. Time\n5. Heat",
    "1. Flour: buy it from a mill that writes the date of milling on the bag. After three months it is tired, and no "
    "kneading wakes it up again.",
    "2. Water: more than you think. A dough that sticks to your hands will be a bread with an open crumb.",
    "3. Salt: two grams for each hundred of flour, added late, since it makes the dough tight.",
    "4. Time: a night in the cold does what an hour of kneading cannot. This is the one trick that you should "
    "remember.",
    "5. Heat: as hot as your oven goes, with steam for the first ten minutes, then dry.",
    Post(
        id="1018006",
        text="The recipe, with all the weights:\nhttps://bread.example/recipe",
        links=("https://bread.example/recipe",),
        media=(image("loaf", "A loaf cut in half"),),
    ),
)
TWO_LANGUAGES = thread(
    "1019",
    "La ville a décidé hier de fermer le pont aux voitures. Voici pourquoi c'est une bonne nouvelle.\n\n"
    "The town decided yesterday to close the bridge to cars. Here is why that is good news.",
    "Le pont portait 30 000 voitures par jour, trois fois plus que prévu lors de sa construction.\n\n"
    "The bridge carried 30,000 cars a day, three times what it was built for.",
    "Les réparations coûtaient plus chaque année que le tram qui passe dessus.\n\n"
    "The repairs cost more each year than the tram that runs on it.",
    "Après l'essai de l'été dernier, les commerces du quai ont vendu davantage, pas moins.\n\n"
    "After last summer's trial the shops on the quay sold more, not less.",
)
POEM = thread(
    "1020",
    "The tide went out\nand took the chairs,\nthe blue umbrella,\nboth the stairs",
    "that led from our house\ndown to the sand\nand left a glove\nwithout a hand",
    "I called the sea\nit did not hear\nit had our table\nand our pier",
    "and what came back\na year from then\nwas one blue chair\nand you, again",
)
CODE = thread(
    "1021",
    "Three lines of Python that saved our server last night. 🧵",
    "1/ The trouble: every request opened a file and never closed it. After 1,024 of them the process could open "
    "nothing more.\n\n"
    "for name in names:\n    data = open(name).read()\n    queue.put(parse(data))",
    "2/ The repair is to let a block close it, whatever happens inside:\n\nwith open(name) as file:\n    "
    "queue.put(parse(file.read()))",
    "3/ To find the next one of these before it finds you, count what is open:\n\n"
    "len(os.listdir('/proc/self/fd'))  # 1021, 1022, 1023 …",
    "The whole story, with the graphs: https://ops.example/2026/11/open-files",
)
QUOTED = thread(
    "1022",
    Post(
        id="1022000",
        text="This chart is everywhere today, and it is wrong in an instructive way. "
        "https://x.com/charts/status/777000111",
        links=("https://x.com/charts/status/777000111",),
        quotes=("https://x.com/charts/status/777000111",),
    ),
    "Its vertical axis starts at 94. What looks like a collapse is a fall by three per cent, less than the usual "
    "error.",
    Post(
        id="1022002",
        text="The agency itself says so in its notes, which nobody seems to read. https://agency.example/notes.pdf",
        links=("https://agency.example/notes.pdf",),
        media=(image("notes", "A page of the notes, the third paragraph marked"), image("axis")),
    ),
    "And the two years it compares were counted differently: 2024 with ferries, 2025 without. @agency_stats has "
    "confirmed this to me.",
    "So before you share a chart: look where the axis starts, and whether the same thing was counted twice. #dataviz "
    "#statistics",
)
BULLETS = thread(
    "1023",
    "I interviewed 40 people who left the city for the country. Six things that they wish they had known:\n\n"
    "• The nearest doctor is 45 minutes away, and she retires next year\n"
    "• You will own two cars, because one is always at the garage\n"
    "• Silence is loud for the first month\n"
    "• The internet decides who moves in after you\n"
    "• Everybody knows your timetable, which is a burden and a safety\n"
    "• You will have more visitors than you ever had in town",
    "Most of them would do it again. The ones who went back had all moved in winter, which nobody should.",
    "What surprised me was how few spoke of money. It was cheaper for nearly all, and it mattered to hardly any.",
)
GAP = thread(
    "1024",
    "1/ The strike of 1906 began with a broken cup. I found the minutes.",
    "2/ A foreman broke it, and it was the only cup that the women of the spinning room had.",
    "3/ They asked for a new one, in writing, and were refused, in writing. Both letters are kept.",
    "5/ By noon eleven hundred had walked out, and by evening the whole valley stood still.",
    "6/ It ended after nine days with a cup for each of them, and with the eight-hour day.",
)
COUNTDOWN = thread(
    "1025",
    "The 5 best views from a train in Europe, from good to breathtaking. I have been on all of them twice.",
    "5. The coast at Cinque Terre: a tunnel, a second of blue, a tunnel. Sit on the right.",
    "4. The Rhine between Bingen and Koblenz: castles on both sides, and the train is slow enough to count them.",
    "3. The viaduct at Glenfinnan: the curve lets you see your own train cross it.",
    "2. The Bernina at Alp Grüm: a glacier outside the window, and palm trees an hour later.",
    "1. The Bergen line at Finse: snow in June, no road, no trees, nothing but the line itself.",
)
UNMARKED = thread(
    "1026",
    "Three habits made my students better writers than any course I ever gave.",
    "They read their text aloud before they hand it in. The ear finds what the eye forgives, and it takes five "
    "minutes.",
    "They cut the first paragraph. In nine of ten papers it is the one where the author clears his throat.",
    "They write to one person whom they know by name. It drives out every phrase that no person would say.",
    "Follow me for more on writing.",
)
ANSWERS = thread(
    "1027",
    "A word on yesterday's vote, as many have asked me.",
    Post(
        id="1027001",
        text="@tom_rail The motion was lost by one vote, since a member pressed the wrong button.",
        reply_to=("tom_rail",),
    ),
    Post(
        id="1027002",
        text="@tom_rail @eva_quay She said so at once, and the rules allow a second vote.",
        reply_to=("tom_rail", "eva_quay"),
    ),
    Post(
        id="1027003",
        text="@tom_rail @eva_quay Thanks to @clerk_of_house: it was repeated in 1974 and 1991.",
        reply_to=("tom_rail", "eva_quay"),
    ),
    "So it comes down to this: the bridge is not built because of a button, and because of a silence of ten seconds.",
)
EMPTY = thread("1028")
SHORT = thread("1029", "Lost: one glove, left hand, somewhere between the tram and the sea.")

MADE: Mapping[str, Entry] = {
    "announced list": ANNOUNCED_LIST,
    "numbered": NUMBERED,
    "ordinals": ORDINALS,
    "story": STORY,
    "questions": QUESTIONS,
    "live": LIVE,
    "japanese": JAPANESE,
    "arabic": ARABIC,
    "hindi": HINDI,
    "chinese": CHINESE,
    "hebrew": HEBREW,
    "emoji heavy": EMOJI_HEAVY,
    "images only": IMAGES_ONLY,
    "one long post": ONE_LONG_POST,
    "three hundred posts": THREE_HUNDRED,
    "links only": LINKS_ONLY,
    "plea at the end": PLEA_AT_END,
    "contents": CONTENTS,
    "two languages": TWO_LANGUAGES,
    "poem": POEM,
    "code": CODE,
    "quoted": QUOTED,
    "bullets": BULLETS,
    "gap": GAP,
    "countdown": COUNTDOWN,
    "unmarked": UNMARKED,
    "answers": ANSWERS,
    "empty": EMPTY,
    "short": SHORT,
}
"""Every thread, by what it is an example of."""

ANNOUNCED: Mapping[str, tuple[str, ...]] = {
    "announced list": (
        "Measure before",
        "Small things sing",
        "Damping is cheaper",
        "Ask the people",
        "Write down what",
    ),
    "ordinals": (
        "(1) night trains",
        "(2) one ticket",
        "(3) freight",
        "First, money",
        "Second, people",
        "Third, track",
        "Finally, a name",
    ),
    "questions": ("old house", "Are they loud", "the power fails", "When does it pay", "keep my stove"),
    "japanese": ("第一に", "第二に", "第三に", "第四に"),
    "arabic": ("أولاً", "ثانيًا", "ثالثًا", "رابعًا"),
    "hindi": ("पहला सबक", "दूसरा सबक", "तीसरा सबक", "चौथा सबक"),
    "chinese": ("第一", "第二", "第三"),
    "hebrew": ("1.", "2.", "3."),
    "emoji heavy": ("Lyon", "Glasgow", "A boat"),
    "contents": ("1. Flour", "2. Water", "3. Salt", "4. Time", "5. Heat"),
    "bullets": ("nearest doctor", "two cars", "Silence is loud", "The internet", "your timetable", "more visitors"),
    "countdown": ("5. The coast", "4. The Rhine", "3. The viaduct", "2. The Bernina", "1. The Bergen"),
    "unmarked": ("read their text", "cut the first", "write to one person"),
}
"""The points that a thread announces: of each, words that stand at its beginning."""
