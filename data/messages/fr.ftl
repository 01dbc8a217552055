# Ce que disent les pages, en français.

to-content = Aller au contenu
to-results = Aller aux résultats
to-library = Vers la bibliothèque
nav-main = Principal
nav-language = Langue
nav-library = Bibliothèque
nav-catalogue = Catalogue
nav-validate = Valider
nav-vocabulary = Vocabulaire

nav-admin = Modération
nav-more = Plus
sign-in = Se connecter
sign-out = Se déconnecter
sign-in-failed = Ce jeton est inconnu, expiré ou révoqué.
sign-in-intro = Pour celles et ceux qui s’occupent du catalogue. Lire et proposer ne demande pas de compte.
sign-in-token = Jeton
sign-in-operator = L’exploitant crée les jetons sur la machine même :

facet-layer = Couche
facet-mim = MIM
facet-kind = Catégorie
facet-scope = Champ
facet-origin = Origine
facet-domain = Domaine
facet-licence = Licence
facet-maintainer = Responsable
facet-country = Pays
none-layer = Sans couche
none-mim = Sans MIM
none-kind = Sans catégorie
none-scope = Sans champ
none-origin = Sans origine
none-domain = Sans domaine
none-licence = Sans licence
none-maintainer = Sans responsable
none-country = Sans pays
sort-relevance = Pertinence
sort-title = Titre
sort-mim = MIM
sort-layer = Couche
sort-newest = Plus récentes

search-words = Mots à chercher
search-hint = Nom, auteur, usage …
search-button = Chercher
search-narrow = Affiner la liste
search-more = Plus
search-others = Licence, date, zone
search-open = Licence ouverte seulement
search-from = Depuis
search-to = Jusqu’au
search-area = Ouest, sud, est, nord
search-apply = Appliquer
search-clear = Tout effacer
search-sort = Trier par
search-view = Affichage
search-cards = Fiches
search-table = Tableau
search-filters = Filtres actifs
search-remove = Retirer ce filtre
filter-from = Depuis le { $x }
filter-to = Jusqu’au { $x }
filter-area = Dans { $x }
results-entries = { $n ->
    [one] { $n } fiche
   *[other] { $n } fiches
}
results-of = sur { $n }
results-alike = Rien ne s’écrit « { $x } » ; voici ce qui s’écrit presque ainsi.
results-none = Rien ne répond à tout cela
results-loosen = Retirez l’un des filtres :
results-without = Sans { $x }
results-beyond = Cette page n’existe pas ; la liste compte { $n } fiches.
results-anew = Recommencer
results-region = Fiches
results-version = version { $x }
page-nav = Pages
page-number = page { $n }
page-previous = Page précédente
page-next = Page suivante
forms-this = La même chose en
forms-sparql = requête SPARQL
forms-whole = Tout le catalogue :
forms-pages = Page par page pour les moissonneurs :

entry-links = Liens
entry-related = Fiches liées
entry-record = Cette notice
entry-changed = Dernière modification le { $x }.
entry-statements = Toutes les assertions
entry-foreign = Cette description est en { $x } : il n’y en a pas encore dans votre langue.
entry-picture = Voisins de cette fiche
entry-versions = Versions
entry-cite = Citer cette fiche
entry-preview = Ce qu’un portail voit de cette fiche
entry-preview-intro = Un portail qui moissonne DCAT-AP lit ces propriétés. Ce qui manque coûte des points dans sa note de qualité.
entry-missing = manque
versions-version = Version { $x }
versions-first = La fiche telle que publiée la première fois.
versions-old = Ce n’est pas la dernière version.
versions-latest = Vers la dernière version
versions-changes = Ce qui a changé
versions-before = Avant
versions-after = Après
agent-entries = Fiches
fact-strand = Volet de travail
fact-version = Version
fact-place = Lieu
relation-implements = Met en œuvre
relation-implemented-by = Mis en œuvre par
relation-profiles = Profile
relation-profiled-by = Profilé par
relation-uses = Utilise
relation-used-by = Utilisé par
relation-tests = Teste
relation-tested-by = Testé par
relation-considers = Envisage
relation-considered-by = Envisagé par
relation-requires = Requiert
relation-required-by = Requis par
relation-part-of = Partie de
relation-has-part = Comprend
relation-replaced-by = Remplacé par
relation-replaces = Remplace
relation-conforms-to = Conforme à
relation-followed-by = Suivi par
language-en = anglais
language-fr = français
language-de = allemand
language-it = italien
language-es = espagnol

nav-suggest = Proposer
suggest-title = Proposer une fiche
suggest-correct-title = Corriger « { $x } »
suggest-intro = Chacun peut proposer ; une modératrice ou un modérateur décide, et vous recevez un lien pour suivre votre proposition. Les champs avec * sont nécessaires.
suggest-as-it-is = La fiche telle quelle
suggest-wrong = Envoi impossible pour l’instant. Les erreurs sont indiquées près des champs.
suggest-preview = Aperçu
suggest-preview-intro = Voici ce qui serait publié. Rien n’a encore été envoyé.
suggest-alike = S’agit-il de l’une de celles-ci ? Alors corrigez-la plutôt.
suggest-same-name = Même nom :
suggest-same-address = Même adresse :
suggest-similar = Semblable :
suggest-short = Nom court
suggest-short-hint = Comme on l’appelle, par exemple NGSI-LD. L’adresse de la fiche en découle.
suggest-long = Nom complet
suggest-description = Description
suggest-description-hint = Deux à quatre phrases : ce que c’est, à qui cela sert dans un jumeau numérique local, ses liens avec d’autres.
suggest-maintainer = Responsable
suggest-version = Version
suggest-licence = Licence
suggest-licence-hint = Un identifiant SPDX comme Apache-2.0 ou CC-BY-4.0
suggest-country = Pays
suggest-country-hint = Trois lettres, comme ITA
suggest-links = Liens
suggest-links-hint = Website, Documentation, Git … chacun avec son adresse complète.
suggest-link-label = Libellé
suggest-link-address = Adresse
suggest-contact = Votre adresse électronique
suggest-contact-hint = Facultative. Elle ne sert qu’aux questions de la modération, n’est jamais publiée et est effacée { $n } jours après la décision.
suggest-note = Un mot à la modération
suggest-show = Afficher l’aperçu
suggest-send = Envoyer
suggest-required = Ce champ est nécessaire.
suggest-no-address = Ce n’est pas une adresse électronique.
suggest-nothing-new = Rien n’est modifié.
suggest-again = Le formulaire est resté ouvert trop longtemps, ou trop peu pour une personne. Rien n’est perdu : envoyez-le de nouveau.
suggest-sent-before = Ce formulaire a déjà été envoyé.
status-title = Votre proposition
status-sent = Envoyée
status-state = État
status-reason = Raison
status-waiting = Elle attend la modération.
status-accepted = Elle a été acceptée. Merci !
status-rejected = Elle n’a pas été retenue.
status-result = La fiche
status-keep = Cette page n’est qu’à vous : gardez son adresse pour revenir.
entry-correct = Proposer une correction
problem-too-many = Trop à la fois ; revenez plus tard

problem-bad-input = La demande n’est pas comprise
problem-not-found = Il n’y a rien ici
problem-gone = Cette fiche a été retirée
problem-withdrawn = { $x } a été retirée.
problem-forbidden = Vous n’en avez pas le droit
problem-unauthorised = Connectez-vous d’abord
problem-conflict = Ceci a été modifié entre-temps
problem-too-large = C’est trop à la fois
problem-busy = Pas encore prêt ; réessayez dans un instant
problem-other = Impossible de répondre
problem-replaced-by = Elle est remplacée par
problem-status = Statut { $x }.

vocabulary-title = Le vocabulaire de la bibliothèque
vocabulary-intro = Propriétés et concepts qui classent les ressources d’un jumeau numérique local. L’espace de noms est le même pour chaque installation.

sparql-refused = Sans réponse :
sparql-result = Résultat
sparql-true = vrai
sparql-false = faux
sparql-statements = { $n ->
    [one] { $n } assertion.
   *[other] { $n } assertions.
}
sparql-rows-found = { $n ->
    [one] { $n } ligne.
   *[other] { $n } lignes.
}
sparql-cut = Les { $n } premières sont affichées, les formats ci-dessous les ont toutes.
sparql-rows = Lignes
sparql-query = Requête en SPARQL 1.1
sparql-run = Exécuter
sparql-examples = Exemples commentés
sparql-know = À savoir
sparql-protocol = Les programmes s’adressent aussi ici, par GET ou POST selon le protocole SPARQL 1.1. Les lignes viennent en JSON, XML, CSV ou TSV ; les graphes en Turtle, N-Triples, RDF/XML ou JSON-LD.
sparql-description = Le service se décrit lui-même
sparql-graph = Toutes les notices publiées sont dans un seul graphe par défaut ; il n’y a pas de graphes nommés.
sparql-limits = Il y a des limites :
sparql-limit-time = Durée d’une requête
sparql-limit-memory = Mémoire d’une requête
sparql-limit-query = Texte d’une requête
sparql-limit-result = Son résultat
sparql-limit-text = Un texte produit par une requête
sparql-limit-geometry = Géométries d’un appel, ensemble
sparql-limit-combined = De même quand des formes sont combinées
sparql-limit-concurrent = Requêtes simultanées
sparql-over = Ce qui dépasse une limite reçoit une erreur, jamais une partie du résultat.
sparql-places = Les lieux sont en WGS 84, longitude d’abord, sans système de référence devant ; les fonctions GeoSPARQL, comme geof:distance, attendent la même chose. Bruxelles est
sparql-literals = Nombres et dates reviennent sous leur forme canonique (1.50 devient 1.5) : la base normalise les littéraux typés. Les pages et les exports du catalogue les gardent tels quels.
sparql-service = SERVICE est refusé, car ce point d’accès n’en interroge aucun autre ; les mises à jour aussi, car le graphe suit le catalogue.

validate-conforms = L’entrée est conforme
validate-fails = L’entrée n’est pas conforme
validate-violations = { $n ->
    [one] { $n } violation
   *[other] { $n } violations
}
validate-warnings = { $n ->
    [one] { $n } avertissement
   *[other] { $n } avertissements
}
validate-infos = { $n ->
    [one] { $n } information
   *[other] { $n } informations
}
validate-against = Vérifié avec : { $x }.
validate-meaning = Une violation doit être corrigée ; un avertissement est un conseil.
validate-caption = Chaque règle enfreinte, violations d’abord
validate-line = Ligne
validate-severity = Gravité
validate-node = Nœud
validate-property = Propriété
validate-value = Valeur
validate-rule = Règle
validate-left-out = { $n } autres ne sont pas sur cette page ; les formes Turtle, JSON-LD et JSON les ont toutes.
validate-check = Vérifier une description
validate-intro = Collez une description DCAT ou la feuille de la bibliothèque, ou choisissez un fichier de 8 Mo au plus. Rien n’est conservé.
validate-text = Texte
validate-file = ou un fichier
validate-format = Format du texte
validate-rules = Règles
validate-machines = Les programmes envoient la description elle-même et demandent le rapport sous la forme voulue :

concept-layer-data-sources = Sources de données
concept-layer-data-acquisition = Acquisition de données
concept-layer-connectivity = Connectivité
concept-layer-data-management = Gestion des données
concept-layer-analytics = Analyse
concept-layer-decision-making = Prise de décision
concept-layer-visualisation = Visualisation
concept-mim-0 = MIM0 Accès aux données
concept-mim-1 = MIM1 Lier les données
concept-mim-2 = MIM2 Représenter les données
concept-mim-3 = MIM3 Échanger les données
concept-mim-4 = MIM4 Données personnelles
concept-mim-5 = MIM5 IA interopérable
concept-mim-6 = MIM6 Sécuriser les données
concept-mim-7 = MIM7 Données géospatiales
concept-mim-8 = MIM8 Jumeaux numériques locaux
concept-scope-data-spaces = Espaces de données
concept-scope-ai-for-smart-cities = IA pour villes intelligentes
concept-scope-interoperability = Interopérabilité
concept-scope-local-digital-twins = Jumeaux numériques locaux
concept-origin-data-spaces = Espaces de données
concept-origin-ai-for-smart-cities = IA pour villes intelligentes
concept-origin-local-digital-twins = Jumeaux numériques locaux
concept-origin-interoperability-mims = Interopérabilité et MIM
concept-origin-cities-network = Réseau de villes
concept-kind-standard = Norme
concept-kind-protocol = Protocole
concept-kind-framework = Cadre
concept-kind-tool = Outil
concept-kind-data-model = Modèle de données
concept-kind-guide = Guide
concept-kind-initiative = Initiative
concept-kind-twin = Jumeau d’exemple
concept-kind-service = Service
concept-domain-mobility = Mobilité
concept-domain-energy = Énergie
concept-domain-environment = Environnement
concept-domain-air-quality = Qualité de l’air
concept-domain-green-space = Espaces verts
concept-domain-urban-climate = Climat urbain
concept-domain-urban-planning = Urbanisme
concept-domain-participation = Participation citoyenne
concept-domain-education = Éducation
concept-strand-interconnect = WS1 Relier des jumeaux existants
concept-strand-create = WS2 Créer des jumeaux pour des besoins communs
concept-strand-add-ai = WS3 Ajouter des services d’IA

nav-twins = Jumeaux
nav-about = À propos
theme-above = La couche au-dessus
theme-below = La couche en dessous
theme-search = Chercher parmi toutes ces entrées
theme-all-layer = Toutes les couches
theme-all-mim = Tous les MIM
twins-title = Les jumeaux sur la carte
twins-intro = Des jumeaux d’exemple et toute autre entrée qui a un lieu. La liste ci-dessous dit la même chose que la carte.
twins-map = Carte des entrées qui ont un lieu
twins-search = Chercher dans cette zone
twins-europe = Europe
twins-world = Monde
twins-uses = Utilise
text-about = À propos
text-twin = Ce qu’est un jumeau numérique local
text-architecture = Architecture
text-strands = Par où commencer
text-privacy = Vie privée
text-accessibility = Accessibilité
text-foreign = Ce texte est en anglais : il n’existe pas encore dans votre langue.
text-picture = Les sept couches d’un jumeau numérique local, de ce que l’on voit à ce qui est observé
twins-field = { $n ->
    [one] 1 entrée dans ce carré : y chercher
   *[other] { $n } entrées dans ce carré : y chercher
}
