# Was die Seiten sagen, auf Deutsch.

to-content = Zum Inhalt
to-results = Zu den Ergebnissen
to-library = Zur Bibliothek
nav-main = Haupt
nav-language = Sprache
nav-library = Bibliothek
nav-catalogue = Katalog
nav-validate = Prüfen
nav-vocabulary = Vokabular

nav-admin = Moderation
nav-more = Mehr
sign-in = Anmelden
sign-out = Abmelden
sign-in-failed = Dieses Token ist unbekannt, abgelaufen oder widerrufen.
sign-in-intro = Für alle, die den Katalog betreuen. Lesen und Vorschlagen braucht kein Konto.
sign-in-token = Token
sign-in-operator = Tokens macht der Betreiber auf der Maschine selbst:

facet-layer = Schicht
facet-mim = MIM
facet-kind = Art
facet-scope = Bereich
facet-origin = Herkunft
facet-domain = Anwendung
facet-licence = Lizenz
facet-maintainer = Betreuung
facet-country = Land
none-layer = Ohne Schicht
none-mim = Ohne MIM
none-kind = Ohne Art
none-scope = Ohne Bereich
none-origin = Ohne Herkunft
none-domain = Ohne Anwendung
none-licence = Ohne Lizenz
none-maintainer = Ohne Betreuung
none-country = Ohne Land
sort-relevance = Relevanz
sort-title = Titel
sort-mim = MIM
sort-layer = Schicht
sort-newest = Neueste

search-words = Suchwörter
search-hint = Name, Hersteller, Zweck …
search-button = Suchen
search-narrow = Liste eingrenzen
search-more = Mehr
search-others = Lizenz, Datum, Gebiet
search-open = Nur offene Lizenz
search-from = Seit
search-to = Bis
search-area = West, Süd, Ost, Nord
search-apply = Anwenden
search-clear = Alles löschen
search-sort = Sortieren nach
search-view = Ansicht
search-cards = Karten
search-table = Tabelle
search-filters = Gesetzte Filter
search-remove = Diesen Filter entfernen
filter-from = Seit { $x }
filter-to = Bis { $x }
filter-area = In { $x }
results-entries = { $n ->
    [one] 1 Eintrag
   *[other] { $n } Einträge
}
results-of = von { $n }
results-alike = Nichts schreibt sich „{ $x }“; dies schreibt sich ähnlich.
results-none = Nichts erfüllt all das
results-loosen = Lockern Sie einen der Filter:
results-without = Ohne { $x }
results-beyond = Diese Seite gibt es nicht; die Liste hat { $n } Einträge.
results-anew = Neu beginnen
results-region = Einträge
results-version = Version { $x }
page-nav = Seiten
page-number = Seite { $n }
page-previous = Vorige Seite
page-next = Nächste Seite
forms-this = Dasselbe als
forms-sparql = SPARQL-Abfrage
forms-whole = Der ganze Katalog:
forms-pages = Seite für Seite zum Ernten:

entry-links = Links
entry-related = Verwandte Einträge
entry-record = Dieser Datensatz
entry-changed = Zuletzt geändert am { $x }.
entry-statements = Alle Aussagen
entry-foreign = Diese Beschreibung ist auf { $x }: In Ihrer Sprache gibt es noch keine.
entry-picture = Nachbarn dieses Eintrags
entry-versions = Versionen
entry-cite = Diesen Eintrag zitieren
entry-preview = Wie ein Portal diesen Eintrag sieht
entry-preview-intro = Ein Portal, das DCAT-AP erntet, liest diese Eigenschaften. Was fehlt, kostet Punkte in seiner Qualitätsnote.
entry-missing = fehlt
versions-version = Version { $x }
versions-first = So wurde der Eintrag zuerst veröffentlicht.
versions-old = Dies ist nicht die neueste Version.
versions-latest = Zur neuesten Version
versions-changes = Was sich änderte
versions-before = Vorher
versions-after = Nachher
agent-entries = Einträge
fact-strand = Arbeitsstrang
fact-version = Version
fact-place = Ort
relation-implements = Setzt um
relation-implemented-by = Umgesetzt von
relation-profiles = Profiliert
relation-profiled-by = Profiliert von
relation-uses = Nutzt
relation-used-by = Genutzt von
relation-tests = Testet
relation-tested-by = Getestet von
relation-considers = Erwägt
relation-considered-by = Erwogen von
relation-requires = Benötigt
relation-required-by = Benötigt von
relation-part-of = Teil von
relation-has-part = Enthält
relation-replaced-by = Ersetzt durch
relation-replaces = Ersetzt
relation-conforms-to = Entspricht
relation-followed-by = Befolgt von
language-en = Englisch
language-fr = Französisch
language-de = Deutsch
language-it = Italienisch
language-es = Spanisch

nav-suggest = Vorschlagen
suggest-title = Einen Eintrag vorschlagen
suggest-correct-title = „{ $x }“ berichtigen
suggest-intro = Alle dürfen vorschlagen; die Moderation entscheidet, und Sie bekommen einen Link, unter dem Sie sehen, was daraus wurde. Felder mit * werden gebraucht.
suggest-as-it-is = Der Eintrag, wie er ist
suggest-wrong = Das kann noch nicht gesendet werden. Was nicht stimmt, steht bei den Feldern.
suggest-preview = Vorschau
suggest-preview-intro = Das würde veröffentlicht. Noch ist nichts gesendet.
suggest-alike = Ist einer davon gemeint? Dann berichtigen Sie bitte diesen.
suggest-same-name = Gleicher Name:
suggest-same-address = Gleiche Adresse:
suggest-similar = Ähnlich:
suggest-short = Kurzname
suggest-short-hint = Wie man es nennt, etwa NGSI-LD. Die Adresse des Eintrags folgt daraus.
suggest-long = Voller Name
suggest-description = Beschreibung
suggest-description-hint = Zwei bis vier Sätze: was es ist, wem es in einem lokalen digitalen Zwilling dient, wie es zu anderen steht.
suggest-maintainer = Betreuung
suggest-version = Version
suggest-licence = Lizenz
suggest-licence-hint = Ein SPDX-Kürzel wie Apache-2.0 oder CC-BY-4.0
suggest-country = Land
suggest-country-hint = Drei Buchstaben, etwa ITA
suggest-links = Links
suggest-links-hint = Website, Documentation, Git … jeweils mit voller Adresse.
suggest-link-label = Bezeichnung
suggest-link-address = Adresse
suggest-contact = Ihre Mailadresse
suggest-contact-hint = Nicht nötig. Sie dient nur für Rückfragen der Moderation, wird nie veröffentlicht und { $n } Tage nach der Entscheidung gelöscht.
suggest-note = Ein Wort an die Moderation
suggest-show = Vorschau zeigen
suggest-send = Senden
suggest-required = Das wird gebraucht.
suggest-no-address = Das ist keine Mailadresse.
suggest-nothing-new = Nichts ist geändert.
suggest-again = Das Formular war zu lange offen, oder zu kurz für einen Menschen. Nichts ist verloren: Bitte senden Sie es noch einmal.
suggest-sent-before = Dieses Formular wurde schon gesendet.
status-title = Ihr Vorschlag
status-sent = Gesendet
status-state = Stand
status-reason = Grund
status-waiting = Er wartet auf die Moderation.
status-accepted = Er wurde angenommen. Danke!
status-rejected = Er wurde nicht übernommen.
status-result = Der Eintrag
status-keep = Diese Seite gehört nur Ihnen: Heben Sie ihre Adresse auf, um wiederzukommen.
entry-correct = Berichtigung vorschlagen
problem-too-many = Zu viele auf einmal; bitte später wiederkommen

problem-bad-input = Die Anfrage ist nicht verständlich
problem-not-found = Hier ist nichts
problem-gone = Dieser Eintrag wurde zurückgezogen
problem-withdrawn = { $x } wurde zurückgezogen.
problem-forbidden = Das dürfen Sie nicht
problem-unauthorised = Bitte melden Sie sich erst an
problem-conflict = Dies wurde inzwischen geändert
problem-too-large = Das ist zu viel auf einmal
problem-busy = Noch nicht bereit; bitte gleich noch einmal
problem-other = Das lässt sich nicht beantworten
problem-replaced-by = Ersetzt durch
problem-status = Status { $x }.

vocabulary-title = Das Vokabular der Bibliothek
vocabulary-intro = Eigenschaften und Begriffe, die die Ressourcen eines lokalen digitalen Zwillings ordnen. Der Namensraum ist in jeder Installation derselbe.

sparql-refused = Nicht beantwortet:
sparql-result = Ergebnis
sparql-true = wahr
sparql-false = falsch
sparql-statements = { $n ->
    [one] 1 Aussage.
   *[other] { $n } Aussagen.
}
sparql-rows-found = { $n ->
    [one] 1 Zeile.
   *[other] { $n } Zeilen.
}
sparql-cut = Die ersten { $n } sind zu sehen, die Formate unten haben alle.
sparql-rows = Zeilen
sparql-query = Abfrage in SPARQL 1.1
sparql-run = Ausführen
sparql-examples = Ausgeführte Beispiele
sparql-know = Gut zu wissen
sparql-protocol = Auch Programme fragen hier, mit GET oder POST nach dem SPARQL-1.1-Protokoll. Zeilen kommen als JSON, XML, CSV oder TSV; Graphen als Turtle, N-Triples, RDF/XML oder JSON-LD.
sparql-description = Der Dienst beschreibt sich selbst
sparql-graph = Alle veröffentlichten Datensätze sind in einem Standardgraphen; benannte Graphen gibt es nicht.
sparql-limits = Es gibt Grenzen:
sparql-limit-time = Zeit für eine Abfrage
sparql-limit-memory = Speicher für eine Abfrage
sparql-limit-query = Text einer Abfrage
sparql-limit-result = Ihr Ergebnis
sparql-limit-text = Ein Text, den eine Abfrage erzeugt
sparql-limit-geometry = Geometrien eines Aufrufs zusammen
sparql-limit-combined = Ebenso, wo Formen verbunden werden
sparql-limit-concurrent = Abfragen zur gleichen Zeit
sparql-over = Was über einer Grenze liegt, wird mit einem Fehler beantwortet, nie mit einem Teil des Ergebnisses.
sparql-places = Orte sind in WGS 84, Länge zuerst, ohne Bezugssystem davor; die GeoSPARQL-Funktionen wie geof:distance erwarten dasselbe. Brüssel ist
sparql-literals = Zahlen und Daten kommen in ihrer kanonischen Form zurück (1.50 als 1.5): Der Speicher normalisiert typisierte Literale. Seiten und Abzüge des Katalogs behalten sie, wie sie angegeben wurden.
sparql-service = SERVICE wird abgelehnt, denn dieser Endpunkt fragt keinen anderen; ebenso Änderungen, denn der Graph folgt dem Katalog.

validate-conforms = Die Eingabe ist regelgerecht
validate-fails = Die Eingabe ist nicht regelgerecht
validate-violations = { $n ->
    [one] 1 Verstoß
   *[other] { $n } Verstöße
}
validate-warnings = { $n ->
    [one] 1 Warnung
   *[other] { $n } Warnungen
}
validate-infos = { $n ->
    [one] 1 Hinweis
   *[other] { $n } Hinweise
}
validate-against = Geprüft mit: { $x }.
validate-meaning = Ein Verstoß muss behoben werden; eine Warnung ist ein Rat.
validate-caption = Jede verletzte Regel, Verstöße zuerst
validate-line = Zeile
validate-severity = Schwere
validate-node = Knoten
validate-property = Eigenschaft
validate-value = Wert
validate-rule = Regel
validate-left-out = { $n } weitere sind nicht auf dieser Seite; die Formen Turtle, JSON-LD und JSON haben alle.
validate-check = Eine Beschreibung prüfen
validate-intro = Fügen Sie eine DCAT-Beschreibung oder das Blatt der Bibliothek ein, oder wählen Sie eine Datei von höchstens 8 MB. Nichts wird gespeichert.
validate-text = Text
validate-file = oder eine Datei
validate-format = Format des Textes
validate-rules = Regeln
validate-machines = Programme senden die Beschreibung selbst und verlangen den Bericht in der gewünschten Form:

concept-layer-data-sources = Datenquellen
concept-layer-data-acquisition = Datenerfassung
concept-layer-connectivity = Vernetzung
concept-layer-data-management = Datenverwaltung
concept-layer-analytics = Analyse
concept-layer-decision-making = Entscheidung
concept-layer-visualisation = Visualisierung
concept-mim-0 = MIM0 Zugang zu Daten
concept-mim-1 = MIM1 Daten verknüpfen
concept-mim-2 = MIM2 Daten darstellen
concept-mim-3 = MIM3 Daten austauschen
concept-mim-4 = MIM4 Personenbezogene Daten
concept-mim-5 = MIM5 Interoperable KI
concept-mim-6 = MIM6 Daten sichern
concept-mim-7 = MIM7 Geodaten
concept-mim-8 = MIM8 Lokale digitale Zwillinge
concept-scope-data-spaces = Datenräume
concept-scope-ai-for-smart-cities = KI für smarte Städte
concept-scope-interoperability = Interoperabilität
concept-scope-local-digital-twins = Lokale digitale Zwillinge
concept-origin-data-spaces = Datenräume
concept-origin-ai-for-smart-cities = KI für smarte Städte
concept-origin-local-digital-twins = Lokale digitale Zwillinge
concept-origin-interoperability-mims = Interoperabilität und MIMs
concept-origin-cities-network = Städtenetz
concept-kind-standard = Norm
concept-kind-protocol = Protokoll
concept-kind-framework = Rahmenwerk
concept-kind-tool = Werkzeug
concept-kind-data-model = Datenmodell
concept-kind-guide = Leitfaden
concept-kind-initiative = Initiative
concept-kind-twin = Beispielzwilling
concept-kind-service = Dienst
concept-domain-mobility = Mobilität
concept-domain-energy = Energie
concept-domain-environment = Umwelt
concept-domain-air-quality = Luftqualität
concept-domain-green-space = Grünflächen
concept-domain-urban-climate = Stadtklima
concept-domain-urban-planning = Stadtplanung
concept-domain-participation = Bürgerbeteiligung
concept-domain-education = Bildung
concept-strand-interconnect = WS1 Bestehende Zwillinge verbinden
concept-strand-create = WS2 Zwillinge für gemeinsame Bedürfnisse schaffen
concept-strand-add-ai = WS3 KI-gestützte Dienste ergänzen

nav-twins = Zwillinge
nav-about = Über uns
theme-above = Die Schicht darüber
theme-below = Die Schicht darunter
theme-search = In allen diesen suchen
theme-all-layer = Alle Schichten
theme-all-mim = Alle MIMs
twins-title = Zwillinge auf der Karte
twins-intro = Beispielzwillinge und jeder andere Eintrag, der einen Ort hat. Die Liste darunter sagt dasselbe wie die Karte.
twins-map = Karte der Einträge, die einen Ort haben
twins-search = In diesem Gebiet suchen
twins-europe = Europa
twins-world = Welt
twins-uses = Verwendet
text-about = Über die Bibliothek
text-twin = Was ein lokaler digitaler Zwilling ist
text-architecture = Architektur
text-strands = Wo anfangen
text-privacy = Datenschutz
text-accessibility = Barrierefreiheit
text-foreign = Dieser Text ist auf Englisch: In Ihrer Sprache gibt es ihn noch nicht.
text-picture = Die sieben Schichten eines lokalen digitalen Zwillings, von dem, was man sieht, bis zu dem, was beobachtet wird
twins-field = { $n ->
    [one] 1 Eintrag in diesem Feld: dort suchen
   *[other] { $n } Einträge in diesem Feld: dort suchen
}
