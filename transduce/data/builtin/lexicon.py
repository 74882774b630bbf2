"""The words, as tables of text; ``words.py`` reads them. An underscore stands for a space.

Each English word has one French word here, so that a sentence has one translation. Where French
distinguishes what English does not, the table says what was chosen ("know" a person is connaître,
"can" is pouvoir). Spelling is American on one side and that before 1990 on the other.
"""

# English[/plural] French[/plural] gender. Each noun stands in exactly one group here. A plural that
# is spelled like its singular ("sheep") is never used as a plural: the sentence would be ambiguous.
NOUNS = {
    "CHILD": "boy garçon m, girl fille f, child/children enfant m, pupil élève m",
    "ADULT": """man/men homme m, woman/women femme f, lady dame f, tourist touriste m, customer client m,
        king roi m, queen reine f, prince prince m, princess princesse f, waiter serveur m, waitress serveuse f,
        actor acteur m, actress actrice f, soldier soldat m""",
    "FRIEND": "friend ami m, neighbor voisin m, colleague collègue m, guest invité m, boss patron m",
    "FAMILY": """mother mère f, father père m, sister sœur f, brother frère m, son fils m, daughter fille f,
        uncle oncle m, aunt tante f, grandmother grand-mère/grands-mères f, grandfather grand-père/grands-pères m,
        cousin cousin m, nephew neveu m, niece nièce f, wife/wives femme f, husband mari m""",
    "PET": """dog chien m, cat chat m, rabbit lapin m, hamster hamster m, parrot perroquet m, turtle tortue f,
        mouse/mice souris f""",
    "FARM": """horse cheval m, cow vache f, sheep/sheep mouton m, goat chèvre f, pig cochon m, hen poule f,
        donkey âne m, duck canard m""",
    "WILD": """lion lion m, elephant éléphant m, bear ours m, wolf/wolves loup m, monkey singe m, fox renard m,
        bird oiseau m, hedgehog hérisson m, owl hibou/hiboux m, frog grenouille f, butterfly papillon m,
        tiger tigre m, snake serpent m, fish/fish poisson m""",
    "FRUIT": """apple pomme f, pear poire f, banana banane f, orange orange f, peach pêche f, cherry cerise f,
        strawberry fraise f, apricot abricot m, lemon citron m, melon melon m, plum prune f""",
    "VEGETABLE": """tomato/tomatoes tomate f, potato/potatoes pomme_de_terre/pommes_de_terre f, carrot carotte f,
        onion oignon m, mushroom champignon m, cucumber concombre m, bean haricot m""",
    "DISH": """egg œuf m, sandwich sandwich/sandwichs m, cake gâteau m, cookie biscuit m, pizza pizza f,
        pancake crêpe f, croissant croissant m, salad salade f, omelet omelette f, sausage saucisse f, pie tarte f,
        yogurt yaourt m, meal repas m""",
    "FOOD": """bread pain m, cheese fromage m, meat viande f, rice riz m, ham jambon m, soup soupe f,
        chocolate chocolat m, jam confiture f, honey miel m, ice_cream glace f, chicken poulet m, butter beurre m""",
    "INGREDIENT": """sugar sucre m, salt sel m, flour farine f, oil huile f, garlic ail m, cream crème f,
        pepper poivre m""",
    "DRINK": """water eau f, milk lait m, coffee café m, tea thé m, wine vin m, beer bière f,
        orange_juice jus_d'orange m, lemonade limonade f""",
    "CLOTHES": """shirt chemise f, dress robe f, coat manteau m, hat chapeau m, skirt jupe f, sweater pull m,
        jacket veste f, scarf/scarves écharpe f, tie cravate f, belt ceinture f, cap casquette f, watch montre f,
        ring bague f, necklace collier m""",
    "PAIR": "shoe chaussure f, boot botte f, glove gant m, sock chaussette f",
    "CAR": """car voiture f, bike vélo m, truck camion m, boat bateau m, motorcycle moto f, van camionnette f,
        tractor tracteur m""",
    "PUBLIC": "train train m, bus bus m, plane avion m, taxi taxi m",
    "FURNITURE": """table table f, chair chaise f, bed lit m, sofa canapé m, armchair fauteuil m, desk bureau m,
        lamp lampe f, mirror miroir m, shelf/shelves étagère f, wardrobe armoire f, carpet tapis m,
        mattress matelas m""",
    "MACHINE": """clock horloge f, computer ordinateur m, phone téléphone m, radio radio f, television télévision f,
        camera appareil_photo/appareils_photo m, fridge réfrigérateur m, oven four m,
        washing_machine machine_à_laver/machines_à_laver f""",
    "KITCHENWARE": """cup tasse f, glass verre m, plate assiette f, knife/knives couteau m, fork fourchette f,
        spoon cuillère f, bottle bouteille f, bowl bol m""",
    "THING": """key clé f, pen stylo m, pencil crayon m, bag sac m, umbrella parapluie m, suitcase valise f,
        box boîte f, basket panier m, gift cadeau m, toy jouet m, ball ballon m, doll poupée f, candle bougie f,
        wallet portefeuille m, stamp timbre m, hammer marteau m, ladder échelle f, rope corde f, axe hache f,
        needle aiguille f, towel serviette f, tool outil m, ticket billet m""",
    "PICTURE": "photo photo f, painting tableau m, map carte f",
    "TEXT": """book livre m, newspaper journal m, magazine magazine m, letter lettre f, novel roman m, poem poème m,
        story histoire f, article article m, message message m, postcard carte_postale/cartes_postales f,
        report rapport m, notebook cahier m""",
    "SHOW": "movie film m, show spectacle m, game match/matchs m, concert concert m, song chanson f",
    "SCHOOL": """lesson leçon f, exercise exercice m, question question f, problem problème m, word mot m,
        answer réponse f, exam examen m, rule règle f""",
    "PART": "door porte f, window fenêtre f, wall mur m, roof toit m, gate portail m, drawer tiroir m",
    "BUILDING": """house maison f, apartment appartement m, castle château m, hotel hôtel m, museum musée m,
        church église f, school école f, library bibliothèque f, hospital hôpital m, station gare f,
        restaurant restaurant m, theater théâtre m, bank banque f, factory usine f, store magasin m, bridge pont m,
        town_hall mairie f, bakery boulangerie f, pharmacy pharmacie f, market marché m, airport aéroport m,
        stadium stade m, farm ferme f""",
    "STUFF": "grass herbe f, snow neige f, paper papier m, music musique f",
    "ROOM": """kitchen cuisine f, living_room salon m, bedroom chambre f, bathroom salle_de_bains/salles_de_bains f,
        office bureau m, garage garage m, garden jardin m, attic grenier m, cellar cave f, courtyard cour f,
        classroom salle_de_classe/salles_de_classe f""",
    "OUTSIDE": """street rue f, park parc m, beach plage f, village village m, city ville f, island île f,
        pool piscine f""",
    "NATURE": """tree arbre m, flower fleur f, plant plante f, rose rose f, river rivière f, lake lac m,
        forest forêt f, mountain montagne f, field champ m""",
}

# English, French masculine, French feminine where it is irregular.
PROFESSIONS = """doctor médecin médecin, teacher professeur professeure, nurse infirmier, baker boulanger,
    cook cuisinier, singer chanteur, writer écrivain, lawyer avocat, engineer ingénieur ingénieure,
    farmer agriculteur agricultrice, journalist journaliste, dentist dentiste, painter peintre, musician musicien,
    architect architecte, pharmacist pharmacien, hairdresser coiffeur, butcher boucher, secretary secrétaire,
    photographer photographe, pilot pilote, dancer danseur, student étudiant, translator traducteur traductrice,
    director directeur directrice, mechanic mécanicien, judge juge, police_officer policier, salesperson vendeur,
    librarian bibliothécaire"""

# Sets of nouns that verbs and constructions ask for: groups, set names or single nouns.
SETS = {
    "SNACK": "FRUIT DISH FOOD",
    "PERSON": "CHILD ADULT FRIEND FAMILY PROFESSION",
    "COLORED": "bag suitcase umbrella box basket pen pencil ball candle towel wallet cup plate bowl bottle",
    "AGED": "bag suitcase umbrella key basket wallet ladder hammer toy doll tool box",
    "OBJECT": "THING PICTURE KITCHENWARE",
    "PRINTED": "book newspaper magazine novel notebook postcard map",
    "GOODS": "FRUIT VEGETABLE DISH FOOD INGREDIENT CLOTHES PAIR CAR FURNITURE MACHINE THING painting PRINTED",
    "PRICED": "FRUIT CLOTHES PAIR FURNITURE MACHINE THING painting PRINTED bike motorcycle",
    "WARDROBE": "CLOTHES PAIR",
    "ANIMAL": "PET FARM WILD",
    "OPENABLE": "door window gate drawer box letter gift suitcase bag bottle wardrobe fridge oven",
    "CLOSABLE": "door window gate drawer box suitcase bag bottle wardrobe fridge oven book notebook",
    "FRAGILE": "glass plate cup bowl bottle mirror window lamp toy chair",
    "REPAIRABLE": "CAR MACHINE door roof gate watch umbrella chair table toy shoe bridge",
    "SWITCHED": "television radio computer oven lamp washing_machine",
    "PORTABLE": "THING CLOTHES TEXT camera phone photo glass cup bottle",
    "LOSABLE": "key umbrella wallet bag phone ticket watch ring glove hat scarf pen camera suitcase notebook",
    "SENDABLE": "letter postcard message photo gift report book",
    "GIVABLE": "gift book flower key toy apple cake letter photo pen ticket magazine rose ring doll bike candle",
    "WRITABLE": "letter poem novel story article message postcard report song word",
    "LENDABLE": "book car bike umbrella pen camera computer novel suitcase tool ladder dress coat hammer magazine",
    "CLEANABLE": "ROOM house car table desk window carpet oven fridge mirror shoe apartment bike plate",
    "WASHABLE": "CLOTHES car dog plate glass cup window sock apple bowl towel tomato carrot",
    "DRIVABLE": "car truck bus van taxi tractor",
    "DRAWABLE": "ANIMAL house tree flower boat castle car map bridge mountain",
    "VISITABLE": "museum castle church island village city farm factory house apartment school",
    "PICKABLE": "FRUIT flower rose tomato mushroom",
    "PLANTABLE": "tree flower rose tomato potato bean carrot",
    "CUTTABLE": "bread cheese cake meat apple tree melon pizza rope sausage onion lemon",
    "BUILDABLE": "house bridge wall castle boat school church factory museum hospital",
    "RENTABLE": "apartment house car bike boat van office",
    "SHAREABLE": "cake pizza sandwich apartment bedroom office bread pie chocolate",
    "SOUND": "radio concert song story bird music",
    "ON": "table chair bed desk shelf sofa armchair carpet",
    "LAID": """key pen pencil book newspaper magazine letter hat bag cup glass plate wallet ticket phone umbrella map
        notebook basket gift photo bottle""",
    "OWNABLE": """PET FARM CLOTHES PAIR CAR FURNITURE MACHINE KITCHENWARE THING PICTURE TEXT ROOM house apartment
        FRUIT DISH""",
    "HAD": """PET CAR book umbrella key phone camera computer radio house apartment ticket map watch ring hat coat
        pen pencil knife ladder garden bed desk question problem candle suitcase bag""",
    "RELATIVES": "brother sister son daughter cousin uncle aunt nephew niece child friend",
    "LIKED": """FRUIT VEGETABLE FOOD DRINK DISH ANIMAL music snow flower rose movie concert museum song
        story novel poem train boat game""",
    "EATEN": "FRUIT DISH FOOD DRINK INGREDIENT",
    "FEARED": "dog cat lion bear wolf tiger snake mouse horse plane exam doctor dentist boss",
    "HOMES": "house apartment castle farm village city",
    "SUBJECTS": """CLOTHES CAR FURNITURE MACHINE KITCHENWARE THING PICTURE TEXT SHOW SCHOOL PART BUILDING ROOM OUTSIDE
        NATURE FRUIT VEGETABLE DISH FOOD DRINK PAIR""",
    "IN_FRIDGE": "milk butter cheese ham orange_juice beer cream meat egg yogurt apple strawberry tomato carrot cake",
}

# English base [past [participle]] = French infinitive [flags] : what the object can be
# (for intransitive verbs: which adverbs or manner go with it).
#   adult   only adults do this          state   no continuous; its past is an imperfect
#   event   over in a moment: no "is -ing", no "used to"        etre   conjugated with être
#   animal  only animals do this
#   outside it is done out of doors
#   the     only of something definite                          amount "a lot of", "a kilo of" go with it
# A particle follows "_" in English ("look_for"), a preposition follows "_" in French ("répondre_à").
TRANSITIVE = """
eat ate eaten = manger amount : SNACK VEGETABLE
drink drank drunk = boire amount : DRINK
prepare = préparer amount : DISH soup coffee tea
buy bought = acheter amount : GOODS
sell sold = vendre adult amount : FRUIT VEGETABLE CLOTHES CAR FURNITURE PRINTED house apartment FARM
read read = lire : TEXT
write wrote written = écrire : WRITABLE
see saw seen = voir event : PEOPLE ANIMAL BUILDING CAR movie show
look_at = regarder : PEOPLE PICTURE ANIMAL NATURE clock ring dress
watch = regarder : movie show game television
listen_to = écouter : SOUND PEOPLE
hear heard = entendre event : PEOPLE dog cat bird owl horse radio song train music
look_for = chercher : LOSABLE PEOPLE PET station hotel exercise answer
find found = trouver event : LOSABLE PET answer letter mushroom
lose lost = perdre event the : LOSABLE game
take took taken = prendre : PORTABLE PUBLIC
wear wore worn = porter : WARDROBE
carry = porter : suitcase box basket bag chair ladder table bottle book plate
put_on put = mettre : WARDROBE
open = ouvrir : OPENABLE
close = fermer the : CLOSABLE
clean = nettoyer the : CLEANABLE
wash = laver : WASHABLE
break broke broken = casser event : FRAGILE
repair = réparer : REPAIRABLE
drive drove driven = conduire adult : DRIVABLE
park = garer adult the : car truck van motorcycle
paint = peindre : wall door house boat chair gate flower ANIMAL
draw drew drawn = dessiner : DRAWABLE
know knew known = connaître state the : PEOPLE city song village story hotel restaurant
meet met = rencontrer event : PEOPLE
visit = visiter : VISITABLE
invite = inviter : PEOPLE
help = aider : PEOPLE
call = appeler : PEOPLE
wait_for = attendre the : PEOPLE PUBLIC letter answer
thank = remercier event : PEOPLE
follow = suivre : PEOPLE ANIMAL CAR
answer = répondre_à : PEOPLE question letter message
talk_to = parler_à : PEOPLE
forget forgot forgotten = oublier event the : LOSABLE word rule answer
understand understood = comprendre the : lesson question problem word story rule answer PEOPLE
learn = apprendre : lesson poem song word rule
explain = expliquer : lesson problem question exercise rule word
choose chose chosen = choisir : WARDROBE TEXT gift movie cake CAR
finish = finir event the : book exercise letter report novel meal article sandwich
start = commencer event the : lesson book exercise report game
cut cut = couper : CUTTABLE
bring brought = apporter amount : DISH DRINK OBJECT FRUIT flower newspaper
receive = recevoir event : SENDABLE
hide hid hidden = cacher : gift key letter ring toy wallet photo
build built = construire : BUILDABLE
use = utiliser : hammer ladder knife computer phone camera car tool axe oven map umbrella
keep kept = garder : letter photo key book ticket PET
touch = toucher the : painting cat dog snake wall oven horse
pick = cueillir : PICKABLE
plant = planter : PLANTABLE
feed fed = nourrir : PET FARM bird
catch caught = attraper event : ball fish mouse butterfly frog
win won = gagner event : game
rent = louer : RENTABLE
order = commander amount : DISH DRINK
taste = goûter : soup cake FRUIT wine cheese DRINK
borrow = emprunter : LENDABLE
miss = rater event the : train bus plane exam
fill = remplir : glass bottle basket box bag suitcase bowl
share = partager : SHAREABLE
light lit = allumer event : candle
turn_on = allumer event the : SWITCHED
turn_off = éteindre event the : SWITCHED
decorate = décorer : ROOM tree cake table classroom house
admire = admirer : painting castle BUILDING NATURE PEOPLE horse
believe = croire the : PEOPLE story
translate = traduire : letter poem novel article word story song
tear_up tore torn = déchirer event : paper letter photo ticket newspaper article
print = imprimer : ticket photo report article map
pull = tirer : rope chair table boat cow
push = pousser : chair table car door bike box
hold held = tenir the : key umbrella ladder rope candle glass basket doll
check = vérifier the : answer report ticket exercise
throw_away threw thrown = jeter event : newspaper box bottle letter magazine shoe sock pen
count = compter the : FARM stamp word ticket
iron = repasser : shirt skirt dress
weigh = peser : suitcase apple FRUIT VEGETABLE cheese meat
protect = protéger the : PEOPLE ANIMAL tree forest village
observe = observer : bird WILD
"""

INTRANSITIVE = """
sleep slept = dormir : well badly a_lot late
work = travailler : well a_lot together late slowly
sing sang sung = chanter : well badly loudly together
dance = danser : well badly together
laugh = rire : a_lot loudly
smile = sourire :
cry = pleurer : a_lot
run ran run = courir outside : quickly slowly together
swim swam swum = nager outside : well quickly together
walk = marcher outside : slowly quickly a_lot together
travel = voyager : a_lot together
wait = attendre :
arrive = arriver etre event : early late together
leave left = partir etre event : early late together
go_out went gone = sortir etre : early late together
come_back came come = revenir etre event : early late
go_home went gone = rentrer etre : early late together
study = étudier : well a_lot together
eat ate eaten = manger : slowly quickly a_lot well together
smoke = fumer adult : a_lot
shout = crier : loudly
fly flew flown = voler animal :
lie = mentir event :
drive drove driven = conduire adult : well badly slowly quickly
have_lunch had = déjeuner : late early together
have_dinner had = dîner : late early together
cook = cuisiner adult : well badly together
get_up got gotten = se_lever event : early late
wake_up woke woken = se_réveiller event : early late
go_to_bed went gone = se_coucher event : early late
get_dressed got gotten = s'habiller : slowly quickly
have_fun had = s'amuser : a_lot together
hurry = se_dépêcher :
rest = se_reposer : a_lot together
take_a_walk took taken = se_promener outside : together
"""

# Games, with jouer à; then instruments, with jouer de.
PLAYED = "tennis le_tennis, soccer le_football, basketball le_basket, chess les_échecs, cards les_cartes"
INSTRUMENTS = "piano piano m, guitar guitare f, violin violon m, flute flûte f, drum tambour m, trumpet trompette f"
# What one gives to somebody.
GIVING = """
give gave given = donner : GIVABLE
show showed shown = montrer : PICTURE TEXT ring dress key house
lend lent = prêter : LENDABLE
offer = offrir : gift flower cake rose ring book necklace watch doll
send sent = envoyer : SENDABLE
"""

# Nouns with "at the", à; nouns with "in the", dans; then English at/to = French where no rule holds. "To work" is
# missing: "she is going to work" would be two sentences.
AT = """market station beach library hospital restaurant museum theater airport bank bakery pharmacy pool hotel
    stadium office farm castle factory park town_hall"""
IN = "garden kitchen living_room bedroom bathroom garage attic cellar courtyard classroom forest field village"
FIXED_PLACES = """at school/to school = à l'école, at church/to church = à l'église,
    in the mountains/to the mountains = à la montagne, in the countryside/to the countryside = à la campagne,
    in town/to town = en ville, abroad/abroad = à l'étranger"""
CITIES = """Paris Paris, Lyon Lyon, Rome Rome, London Londres, Madrid Madrid, Berlin Berlin, Brussels Bruxelles,
    Geneva Genève, Tokyo Tokyo, Montreal Montréal, Venice Venise, Lisbon Lisbonne, Athens Athènes,
    Marseille Marseille, Vienna Vienne, Amsterdam Amsterdam, New_York New_York, Dublin Dublin"""
# English French gender (p: plural). The preposition follows from gender and first letter.
COUNTRIES = """France France f, Italy Italie f, Spain Espagne f, Germany Allemagne f, Belgium Belgique f,
    Switzerland Suisse f, England Angleterre f, China Chine f, Greece Grèce f, India Inde f, Ireland Irlande f,
    Hungary Hongrie f, Egypt Égypte f, Norway Norvège f, Iran Iran m, Japan Japon m, Canada Canada m,
    Brazil Brésil m, Portugal Portugal m, Mexico Mexique m, Morocco Maroc m, the_United_States États-Unis p,
    the_Netherlands Pays-Bas p"""
# English French [feminine] (language: both masculine forms).
NATIONS = """French français, Italian italien, Spanish espagnol, German allemand, English anglais, Chinese chinois,
    Japanese japonais, Portuguese portugais, Greek grec grecque, Norwegian norvégien, Hungarian hongrois,
    Brazilian- brésilien, Canadian- canadien, American- américain, Belgian- belge, Swiss- suisse,
    Moroccan- marocain, Irish- irlandais, Mexican- mexicain"""
NAMES = {
    "m": "Paul Pierre Thomas Lucas Louis Antoine Nicolas Daniel Julien Martin",
    "f": "Marie Julie Sophie Claire Alice Emma Léa Anne Charlotte Isabelle",
}

# English[/comparative] = French [feminine [before a vowel]] : groups it describes. "<" stands before
# the noun, ">" after it, "<<" before it and never alone as a predicate, "." only as a predicate;
# "=" after the French word: it never changes.
ADJECTIVES = """
big/bigger < grand : CAR FURNITURE BUILDING ROOM OUTSIDE FARM WILD NATURE box bag suitcase umbrella bottle
small/smaller < petit : CHILD PET FARM CAR FURNITURE MACHINE KITCHENWARE THING BUILDING ROOM OUTSIDE NATURE VEGETABLE
tall/taller < grand : CHILD ADULT FRIEND FAMILY PROFESSION
young/younger < jeune : ADULT FRIEND PROFESSION PET FARM
old/older < vieux vieille vieil : man woman lady FRIEND FAMILY king queen PET FARM CAR FURNITURE MACHINE CLOTHES
    PAIR BUILDING AGED TEXT PICTURE PART movie song village city tree
pretty/prettier < joli : CLOTHES BUILDING ROOM OUTSIDE flower rose butterfly girl princess PICTURE song lamp doll box
beautiful < beau belle bel : CLOTHES CAR BUILDING OUTSIDE NATURE ROOM PICTURE SHOW FURNITURE horse bird butterfly woman
    poem story
new << nouveau nouvelle nouvel : CLOTHES PAIR CAR FURNITURE MACHINE TEXT SHOW BUILDING THING SCHOOL FRIEND
good/better < bon : FOOD DRINK DISH FRUIT TEXT SHOW restaurant hotel answer question
bad/worse < mauvais : FOOD DRINK DISH TEXT SHOW answer restaurant hotel
long/longer < long longue : TEXT SHOW rope skirt dress coat scarf street river word exam ladder bridge
large/larger < gros grosse : FRUIT VEGETABLE cake sandwich fish
wide/wider > large : street river bed bridge door sofa
narrow/narrower > étroit : street door bridge bed
high/higher > haut : wall mountain tree ladder chair
deep/deeper > profond : lake river pool
red/- > rouge : CLOTHES PAIR CAR COLORED chair sofa armchair lamp door flower rose apple
blue/- > bleu : CLOTHES PAIR CAR COLORED chair sofa armchair lamp door flower bird
green/- > vert : CLOTHES PAIR CAR COLORED chair sofa armchair lamp door snake frog
yellow/- > jaune : CLOTHES PAIR CAR COLORED chair lamp flower butterfly
black/- > noir : CLOTHES PAIR CAR COLORED sofa armchair cat dog horse cow hen sheep
white/- > blanc blanche : CLOTHES PAIR CAR cup plate bowl wall table cat dog horse rabbit mouse flower rose duck
gray/- > gris : CLOTHES PAIR CAR cat mouse donkey wolf wall
brown/- > marron = : CLOTHES PAIR bag horse dog bear sofa suitcase
pink/- > rose : dress skirt sweater scarf flower pig wall hat
expensive > cher : CLOTHES PAIR CAR FURNITURE MACHINE FRUIT PICTURE restaurant hotel wine cheese meat apartment house
    toy
heavy/heavier > lourd : FURNITURE box bag suitcase basket hammer ladder coat washing_machine fridge axe
light/lighter > léger légère : bag suitcase chair bike coat jacket box
clean/cleaner > propre : CLOTHES PAIR ROOM KITCHENWARE car window street towel beach
dirty/dirtier > sale : CLOTHES PAIR ROOM KITCHENWARE car window street towel dog pig
empty/emptier > vide : glass bottle box basket bag suitcase fridge bus train street house drawer wallet bowl
full/fuller > plein : glass bottle box basket bag suitcase bus train drawer
broken/- > cassé : FRAGILE clock watch phone umbrella radio camera computer
useful > utile : TEXT MACHINE tool SCHOOL car map umbrella
modern > moderne : BUILDING MACHINE kitchen bathroom office FURNITURE
comfortable > confortable : sofa armchair bed chair car train hotel apartment house shoe mattress
round/- > rond : table mirror box plate window carpet
square/- > carré : table mirror box window
dark/darker > sombre : ROOM street forest apartment church
quiet/quieter > tranquille : street village hotel beach garden park island library
noisy/noisier > bruyant : street city hotel restaurant CHILD dog washing_machine market
fast/faster > rapide : CAR PUBLIC horse dog
slow/slower > lent : bus train turtle computer donkey truck
dangerous > dangereux : lion bear wolf tiger snake elephant mountain axe street motorcycle river
wild/wilder > sauvage : FARM duck cat flower
loyal > fidèle : dog horse FRIEND
fat/fatter < gros grosse : cat pig dog hen duck
fresh/fresher > frais fraîche : FRUIT VEGETABLE bread fish egg milk cream orange_juice butter
hot/hotter > chaud : soup coffee tea water milk pizza oven pancake meal
cold/colder > froid : soup coffee tea water milk meat pizza meal beer lemonade
delicious/- > délicieux : DISH FOOD FRUIT wine coffee orange_juice lemonade
sweet/sweeter > sucré : FRUIT cake coffee tea lemonade wine
salty/saltier > salé : soup butter cheese ham meat
ripe/riper > mûr : FRUIT tomato
interesting > intéressant : TEXT SHOW SCHOOL museum city
boring > ennuyeux : TEXT SHOW lesson exercise city museum
difficult > difficile : SCHOOL poem novel game
easy/easier > facile : SCHOOL poem novel
famous > célèbre : actor actress singer writer PICTURE novel museum restaurant city painter musician castle
kind/kinder > gentil gentille : PERSON dog
intelligent > intelligent : PERSON dog monkey
funny/funnier > drôle : PERSON monkey movie show story parrot
lazy/lazier > paresseux : PERSON cat donkey
shy/shyer > timide : CHILD FRIEND FAMILY
serious > sérieux : PERSON
brave/braver > courageux : PERSON
polite > poli : PERSON
rich/richer > riche : ADULT FRIEND FAMILY lawyer
poor/poorer > pauvre : ADULT FRIEND writer painter musician farmer
strong/stronger > fort : PERSON horse bear coffee cheese
elegant > élégant : ADULT FRIEND FAMILY dress coat hat
honest > honnête : ADULT FRIEND PROFESSION
patient > patient : PERSON
generous > généreux : ADULT FRIEND FAMILY
curious > curieux : CHILD FAMILY cat monkey
strict/stricter > sévère : teacher judge father mother boss uncle director
calm/calmer > calme : PERSON lake horse
tired/- > fatigué : PERSON horse
happy/happier > heureux : PERSON
sad/sadder > triste : PERSON movie story song novel
sick/- > malade : PERSON dog cat horse
proud/prouder > fier fière : PERSON
jealous > jaloux jalouse : PERSON
nervous > nerveux : PERSON horse
thin/thinner > mince : ADULT FAMILY
worried/- . inquiet inquiète : PERSON
ready/- . prêt : PERSON meal soup cake
busy/busier . occupé : ADULT FRIEND FAMILY PROFESSION
alone/- . seul : PERSON
late/- . en_retard = : PERSON train bus plane
angry/- . en_colère = : PERSON
surprised/- . surpris : PERSON
disappointed/- . déçu : PERSON
injured/- . blessé : soldier CHILD horse FRIEND
absent/- . absent : pupil PROFESSION FRIEND
open/- . ouvert : door window gate drawer museum bank pharmacy restaurant bakery library market pool
closed/- . fermé : door window gate drawer museum bank pharmacy restaurant bakery library pool
"""

# With avoir in French: English adjective = French noun.
FEELINGS = "hungry faim, thirsty soif, cold froid, hot chaud, sleepy sommeil, afraid peur, right raison, wrong tort"
# English body part (with "hurts") = French after à.
BODY = """head tête f, back dos m, stomach ventre m, throat gorge f, knee genou m,
    arm bras m, hand main f, neck cou m, shoulder épaule f, ear oreille f, leg jambe f, eye œil m"""

ADVERBS = """well bien, badly mal, a_lot beaucoup, slowly lentement, quickly rapidement, loudly fort, early tôt,
    late tard, together ensemble"""
SHORT_ADVERBS = ("bien", "mal", "beaucoup")  # between the auxiliary and the participle
FREQUENCY = "often souvent, always toujours, sometimes parfois, rarely rarement, usually généralement"

# In tea and coffee.
ADDED = """with sugar = avec du sucre; without sugar = sans sucre; with milk = avec du lait; without milk = sans lait;
    with lemon = avec du citron; with honey = avec du miel; with cream = avec de la crème"""

DAYS = """Monday lundi, Tuesday mardi, Wednesday mercredi, Thursday jeudi, Friday vendredi, Saturday samedi,
    Sunday dimanche"""
MONTHS = """January janvier, February février, March mars, April avril, May mai, June juin, July juillet,
    August août, September septembre, October octobre, November novembre, December décembre"""
SEASONS = "winter hiver, spring printemps, summer été, fall automne"
PAST_TIMES = """yesterday = hier; yesterday morning = hier matin; yesterday evening = hier soir;
    last week = la semaine dernière; last month = le mois dernier; last year = l'année dernière;
    last summer = l'été dernier; last winter = l'hiver dernier; this morning = ce matin"""
FUTURE_TIMES = """tomorrow = demain; tomorrow morning = demain matin; tomorrow evening = demain soir;
    next week = la semaine prochaine; next month = le mois prochain; next year = l'année prochaine;
    next summer = l'été prochain; soon = bientôt; this evening = ce soir; this afternoon = cet après-midi"""
HABIT_TIMES = """every day = tous les jours; every morning = tous les matins; every evening = tous les soirs;
    every week = chaque semaine; every summer = chaque été; in the morning = le matin; in the evening = le soir;
    in the afternoon = l'après-midi; on weekends = le week-end; twice a week = deux fois par semaine;
    once a month = une fois par mois; at night = la nuit"""
NOW_TIMES = "now = maintenant; at the moment = en ce moment"
UNITS = "minute minute f, hour heure f, day jour m, week semaine f, month mois m, year an m"

# Measure of a mass or of several: English French gender : what is measured.
MEASURES = """
glass verre m : water milk wine lemonade orange_juice beer
cup tasse f : coffee tea
bottle bouteille f : water wine milk lemonade beer oil
piece morceau m : bread cheese chocolate meat
slice tranche f : bread ham
bowl bol m : soup rice
kilo kilo m : FRUIT VEGETABLE sugar flour rice cheese meat butter
"""

# Verbs followed by an infinitive: English = French_preposition [flags as above].
WITH_INFINITIVE = """
want wanted = vouloir state
hope = espérer state
like = aimer state
try = essayer_de
forget forgot forgotten = oublier_de event
decide = décider_de event
start = commencer_à event
learn = apprendre_à
continue = continuer_à
refuse = refuser_de event
prefer = préférer state
"""
# What animals eat; bread or meat where nothing is said.
ANIMAL_FOOD = """
cat : fish mouse meat milk chicken
dog : meat bread chicken sausage
rabbit : carrot salad apple
mouse : cheese bread
parrot : banana apple strawberry
hamster : carrot apple
horse : apple carrot grass
cow : grass flower
sheep : grass flower
goat : grass flower apple
donkey : carrot grass
hen : bread
duck : bread
pig : potato apple bread
monkey : banana apple orange
bear : fish honey strawberry
lion : meat
tiger : meat
wolf : meat
fox : hen egg
elephant : banana grass apple
bird : bread cherry
turtle : salad strawberry
hedgehog : apple mushroom
owl : mouse
snake : mouse egg
frog : butterfly
butterfly : flower
"""

# Where daily things are done, and ways to go.
OUTDOORS = """in the garden = dans le jardin; at the beach = à la plage; at the park = au parc; in town = en ville;
    in the forest = dans la forêt; in the street = dans la rue; in the courtyard = dans la cour"""
IN_WATER = """at the beach = à la plage; at the pool = à la piscine; in the lake = dans le lac;
    in the river = dans la rivière"""
INDOORS = """at home = à la maison; in the living room = dans le salon; in the kitchen = dans la cuisine;
    at the hotel = à l'hôtel; at school = à l'école; at the office = au bureau; in the garden = dans le jardin"""
NEAR_WAYS = "by car = en voiture; by bus = en bus; by bike = à vélo; on foot = à pied; by taxi = en taxi"
FAR_WAYS = "by car = en voiture; by train = en train; by bus = en bus; by plane = en avion; by boat = en bateau"
PROFESSIONAL = "good bad famous young serious honest"

# What can be joined by "but" (one of each) or "and" (two of one kind), and what never goes together.
PLEASANT = """good beautiful pretty new clean fresh delicious comfortable modern useful interesting easy fast quiet
    light kind intelligent funny brave polite strong elegant honest patient generous calm happy famous young ripe
    loyal rich"""
UNPLEASANT = """bad dirty broken expensive heavy boring difficult slow noisy dangerous dark old lazy shy strict jealous
    nervous poor sad sick tired worried late angry salty cold"""
APART = """good bad, good delicious, bad delicious, clean dirty, easy difficult, interesting boring, light heavy,
    calm nervous, rich poor, fast slow, quiet noisy, happy sad, beautiful pretty, young old, new old, cold delicious,
    angry kind, modern old, calm angry, happy angry, brave nervous, fresh cold, calm worried, late fast, bad salty,
    happy worried, kind strict, happy jealous"""
# Why people do things.
MOODS = "tired happy sad sick nervous jealous worried late angry alone busy disappointed surprised"

# What people do, or with "-" do not do, when they are in this mood or this weather.
# After ":" the objects that make sense, joined by "+".
REASONS = """
tired = sleep rest go_home go_to_bed -work -run -dance -cook -go_out -swim -study
hungry = eat:FRUIT+DISH+FOOD order:DISH buy:sandwich+bread+pizza+croissant prepare:meal+soup+omelet+sandwich have_lunch
thirsty = drink:DRINK order:DRINK buy:DRINK
cold = put_on:coat+sweater+scarf+jacket+glove close:window+door prepare:soup+tea drink:tea+coffee -swim
hot = open:window+door drink:water+lemonade swim buy:ice_cream -run -work -put_on:coat+jacket+sweater
sleepy = sleep go_to_bed go_home drink:coffee -work -read:book+novel
afraid = cry shout close:door+window+gate run -sleep -go_out -swim
sad = cry call:PEOPLE go_home -sing -dance -laugh
happy = sing dance smile laugh call:PEOPLE
angry = shout leave break:plate+glass+bowl tear_up:letter+photo throw_away:newspaper -answer:PEOPLE -smile
late = run hurry drive miss:train+bus+plane -wait_for:PEOPLE
sick = rest go_home -work -eat:meat+cake+soup -go_out -run -travel
alone = cry call:PEOPLE cook read:novel+book listen_to:radio+music
busy = -cook -go_out -watch:movie+game+show -wait_for:PEOPLE -answer:letter+message -rest
worried = call:PEOPLE wait_for:PEOPLE -sleep -eat:meal
jealous = follow:PEOPLE cry -smile -invite:PEOPLE -talk_to:PEOPLE
rain = take:umbrella wear:coat+hat+boot go_home close:window -walk -swim -go_out -take_a_walk
snow = wear:coat+scarf+glove+boot have_fun -drive -go_out -travel
cold_day = wear:coat+scarf+sweater+glove close:window+door drink:tea+coffee -swim -go_out
hot_day = open:window drink:water+lemonade swim buy:ice_cream wear:hat+skirt -run -work
sunny_day = swim take_a_walk have_lunch rest wear:hat+cap go_out
dark = turn_on:lamp light:candle go_home -go_out -read:book+newspaper -walk
"""
# What people go there for.
PURPOSES = """
market = buy:FRUIT+VEGETABLE+FOOD+flower sell:FRUIT+VEGETABLE+egg+cheese
library = borrow:book+novel+magazine+map read:book+newspaper+magazine work study
restaurant = eat:pizza+meat+chicken+omelet have_dinner have_lunch
station = wait_for:PEOPLE+train take:train
airport = wait_for:PEOPLE+plane take:plane+taxi
beach = swim rest run take_a_walk
pool = swim
stadium = run watch:game
hospital = see:PEOPLE
theater = watch:show listen_to:concert see:PEOPLE
museum = look_at:painting admire:painting
park = take_a_walk run rest
bakery = buy:bread+cake+croissant+pie
bank = work see:PEOPLE
farm = feed:FARM buy:egg+milk+cheese see:PEOPLE
castle = look_at:painting
factory = work
hotel = sleep rest
kitchen = prepare:DISH+soup+coffee+tea cook drink:DRINK eat:FRUIT+DISH
garden = pick:flower+rose+FRUIT plant:PLANTABLE rest feed:rabbit+hen
bedroom = sleep rest read:novel+book
office = work write:letter+report+article+message print:report+ticket
living_room = watch:movie+show+television+game listen_to:music+radio read:newspaper+book rest
forest = walk pick:mushroom observe:bird+fox+owl
bathroom = wash:sock+shirt get_dressed
classroom = study learn:lesson+poem explain:exercise+rule
"""
