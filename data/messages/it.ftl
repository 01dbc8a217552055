# Ciò che dicono le pagine, in italiano.

to-content = Vai al contenuto
to-results = Vai ai risultati
to-library = Alla biblioteca
nav-main = Principale
nav-language = Lingua
nav-library = Biblioteca
nav-catalogue = Catalogo
nav-validate = Convalida
nav-vocabulary = Vocabolario

nav-admin = Moderazione
nav-more = Altro
sign-in = Accedi
sign-out = Esci
sign-in-failed = Questo token è sconosciuto, scaduto o revocato.
sign-in-intro = Per chi cura il catalogo. Leggere e proporre non richiede un conto.
sign-in-token = Token
sign-in-operator = Il gestore crea i token sulla macchina stessa:

facet-layer = Livello
facet-mim = MIM
facet-kind = Categoria
facet-scope = Ambito
facet-origin = Origine
facet-domain = Settore
facet-licence = Licenza
facet-maintainer = Responsabile
facet-country = Paese
none-layer = Senza livello
none-mim = Senza MIM
none-kind = Senza categoria
none-scope = Senza ambito
none-origin = Senza origine
none-domain = Senza settore
none-licence = Senza licenza
none-maintainer = Senza responsabile
none-country = Senza paese
sort-relevance = Rilevanza
sort-title = Titolo
sort-mim = MIM
sort-layer = Livello
sort-newest = Più recenti

search-words = Parole da cercare
search-hint = Nome, autore, scopo …
search-button = Cerca
search-narrow = Restringi l’elenco
search-more = Altri
search-others = Licenza, data, area
search-open = Solo licenza aperta
search-from = Dal
search-to = Fino al
search-area = Ovest, sud, est, nord
search-apply = Applica
search-clear = Cancella tutto
search-sort = Ordina per
search-view = Vista
search-cards = Schede
search-table = Tabella
search-filters = Filtri attivi
search-remove = Togli questo filtro
filter-from = Dal { $x }
filter-to = Fino al { $x }
filter-area = Dentro { $x }
results-entries = { $n ->
    [one] 1 scheda
   *[other] { $n } schede
}
results-of = su { $n }
results-alike = Niente si scrive «{ $x }»; queste si scrivono quasi così.
results-none = Niente soddisfa tutto questo
results-loosen = Allentate uno dei filtri:
results-without = Senza { $x }
results-beyond = Questa pagina non esiste; l’elenco ha { $n } schede.
results-anew = Ricomincia
results-region = Schede
results-version = versione { $x }
page-nav = Pagine
page-number = pagina { $n }
page-previous = Pagina precedente
page-next = Pagina successiva
forms-this = Lo stesso come
forms-sparql = interrogazione SPARQL
forms-whole = L’intero catalogo:
forms-pages = Pagina per pagina per chi raccoglie:

entry-links = Collegamenti
entry-related = Schede correlate
entry-record = Questo record
entry-changed = Ultima modifica il { $x }.
entry-statements = Tutte le asserzioni
entry-foreign = Questa descrizione è in { $x }: nella vostra lingua non c’è ancora.
entry-picture = Vicini di questa scheda
entry-versions = Versioni
entry-cite = Citare questa scheda
entry-preview = Come un portale vede questa scheda
entry-preview-intro = Un portale che raccoglie DCAT-AP legge queste proprietà. Ciò che manca costa punti nella valutazione di qualità.
entry-missing = manca
versions-version = Versione { $x }
versions-first = Così la scheda fu pubblicata la prima volta.
versions-old = Questa non è l’ultima versione.
versions-latest = All’ultima versione
versions-changes = Che cosa è cambiato
versions-before = Prima
versions-after = Dopo
agent-entries = Schede
fact-strand = Filone di lavoro
fact-version = Versione
fact-place = Luogo
relation-implements = Attua
relation-implemented-by = Attuato da
relation-profiles = Profila
relation-profiled-by = Profilato da
relation-uses = Usa
relation-used-by = Usato da
relation-tests = Prova
relation-tested-by = Provato da
relation-considers = Considera
relation-considered-by = Considerato da
relation-requires = Richiede
relation-required-by = Richiesto da
relation-part-of = Parte di
relation-has-part = Comprende
relation-replaced-by = Sostituito da
relation-replaces = Sostituisce
relation-conforms-to = Conforme a
relation-followed-by = Seguito da
language-en = inglese
language-fr = francese
language-de = tedesco
language-it = italiano
language-es = spagnolo

nav-suggest = Proporre
suggest-title = Proporre una scheda
suggest-correct-title = Correggere «{ $x }»
suggest-intro = Chiunque può proporre; decide chi modera, e si riceve un collegamento per vedere com’è andata. I campi con * sono necessari.
suggest-as-it-is = La scheda com’è
suggest-wrong = Non si può ancora inviare. Gli errori sono accanto ai campi.
suggest-preview = Anteprima
suggest-preview-intro = Ecco che cosa sarebbe pubblicato. Nulla è stato ancora inviato.
suggest-alike = Si intende una di queste? Allora meglio correggerla.
suggest-same-name = Stesso nome:
suggest-same-address = Stesso indirizzo:
suggest-similar = Simile:
suggest-short = Nome breve
suggest-short-hint = Come lo si chiama, per esempio NGSI-LD. Ne segue l’indirizzo della scheda.
suggest-long = Nome completo
suggest-description = Descrizione
suggest-description-hint = Da due a quattro frasi: che cos’è, a chi serve in un gemello digitale locale, come si lega ad altri.
suggest-maintainer = Responsabile
suggest-version = Versione
suggest-licence = Licenza
suggest-licence-hint = Un identificatore SPDX come Apache-2.0 o CC-BY-4.0
suggest-country = Paese
suggest-country-hint = Tre lettere, come ITA
suggest-links = Collegamenti
suggest-links-hint = Website, Documentation, Git … ciascuno con l’indirizzo completo.
suggest-link-label = Etichetta
suggest-link-address = Indirizzo
suggest-contact = Il vostro indirizzo di posta
suggest-contact-hint = Facoltativo. Serve solo per domande di chi modera, non è mai pubblicato ed è cancellato { $n } giorni dopo la decisione.
suggest-note = Una parola a chi modera
suggest-show = Mostra l’anteprima
suggest-send = Invia
suggest-required = Questo è necessario.
suggest-no-address = Non è un indirizzo di posta.
suggest-nothing-new = Nulla è cambiato.
suggest-again = Il modulo è rimasto aperto troppo a lungo, o troppo poco per una persona. Nulla è perduto: inviatelo di nuovo.
suggest-sent-before = Questo modulo è già stato inviato.
status-title = La vostra proposta
status-sent = Inviata
status-state = Stato
status-reason = Motivo
status-waiting = Attende chi modera.
status-accepted = È stata accolta. Grazie!
status-rejected = Non è stata accolta.
status-result = La scheda
status-keep = Questa pagina è solo vostra: conservate l’indirizzo per tornare.
entry-correct = Proporre una correzione
problem-too-many = Troppi in una volta; tornate più tardi

problem-bad-input = La richiesta non è comprensibile
problem-not-found = Qui non c’è niente
problem-gone = Questa scheda è stata ritirata
problem-withdrawn = { $x } è stata ritirata.
problem-forbidden = Non è consentito
problem-unauthorised = Prima occorre accedere
problem-conflict = Nel frattempo è stato modificato
problem-too-large = È troppo in una volta
problem-busy = Non ancora pronto; riprovate tra poco
problem-other = Non si può rispondere
problem-replaced-by = È sostituita da
problem-status = Stato { $x }.

vocabulary-title = Il vocabolario della biblioteca
vocabulary-intro = Proprietà e concetti che ordinano le risorse di un gemello digitale locale. Lo spazio dei nomi è lo stesso in ogni installazione.

sparql-refused = Senza risposta:
sparql-result = Risultato
sparql-true = vero
sparql-false = falso
sparql-statements = { $n ->
    [one] 1 asserzione.
   *[other] { $n } asserzioni.
}
sparql-rows-found = { $n ->
    [one] 1 riga.
   *[other] { $n } righe.
}
sparql-cut = Si vedono le prime { $n }, i formati qui sotto le hanno tutte.
sparql-rows = Righe
sparql-query = Interrogazione in SPARQL 1.1
sparql-run = Esegui
sparql-examples = Esempi svolti
sparql-know = Da sapere
sparql-protocol = Anche i programmi chiedono qui, con GET o POST secondo il protocollo SPARQL 1.1. Le righe arrivano come JSON, XML, CSV o TSV; i grafi come Turtle, N-Triples, RDF/XML o JSON-LD.
sparql-description = Il servizio descrive sé stesso
sparql-graph = Tutti i record pubblicati sono in un solo grafo predefinito; non ci sono grafi con nome.
sparql-limits = Ci sono limiti:
sparql-limit-time = Tempo per un’interrogazione
sparql-limit-memory = Memoria per un’interrogazione
sparql-limit-query = Testo di un’interrogazione
sparql-limit-result = Il suo risultato
sparql-limit-text = Un testo prodotto da un’interrogazione
sparql-limit-geometry = Geometrie di una chiamata, insieme
sparql-limit-combined = Lo stesso dove si combinano forme
sparql-limit-concurrent = Interrogazioni contemporanee
sparql-over = Ciò che supera un limite riceve un errore, mai una parte del risultato.
sparql-places = I luoghi sono in WGS 84, prima la longitudine, senza sistema di riferimento davanti; le funzioni GeoSPARQL, come geof:distance, si aspettano lo stesso. Bruxelles è
sparql-literals = Numeri e date tornano nella forma canonica (1.50 come 1.5): l’archivio normalizza i letterali tipizzati. Pagine ed esportazioni del catalogo li conservano come sono stati dati.
sparql-service = SERVICE è rifiutato, perché questo punto di accesso non ne interroga altri; così anche gli aggiornamenti, perché il grafo segue il catalogo.

validate-conforms = L’ingresso è conforme
validate-fails = L’ingresso non è conforme
validate-violations = { $n ->
    [one] 1 violazione
   *[other] { $n } violazioni
}
validate-warnings = { $n ->
    [one] 1 avviso
   *[other] { $n } avvisi
}
validate-infos = { $n ->
    [one] 1 informazione
   *[other] { $n } informazioni
}
validate-against = Verificato con: { $x }.
validate-meaning = Una violazione va corretta; un avviso è un consiglio.
validate-caption = Ogni regola infranta, prima le violazioni
validate-line = Riga
validate-severity = Gravità
validate-node = Nodo
validate-property = Proprietà
validate-value = Valore
validate-rule = Regola
validate-left-out = Altre { $n } non sono in questa pagina; le forme Turtle, JSON-LD e JSON le hanno tutte.
validate-check = Verificare una descrizione
validate-intro = Incollate una descrizione DCAT o il foglio della biblioteca, oppure scegliete un file di al massimo 8 MB. Niente viene conservato.
validate-text = Testo
validate-file = o un file
validate-format = Formato del testo
validate-rules = Regole
validate-machines = I programmi inviano la descrizione stessa e chiedono il rapporto nella forma voluta:

concept-layer-data-sources = Fonti di dati
concept-layer-data-acquisition = Acquisizione di dati
concept-layer-connectivity = Connettività
concept-layer-data-management = Gestione dei dati
concept-layer-analytics = Analisi
concept-layer-decision-making = Processo decisionale
concept-layer-visualisation = Visualizzazione
concept-mim-0 = MIM0 Accesso ai dati
concept-mim-1 = MIM1 Collegare i dati
concept-mim-2 = MIM2 Rappresentare i dati
concept-mim-3 = MIM3 Scambiare i dati
concept-mim-4 = MIM4 Dati personali
concept-mim-5 = MIM5 IA interoperabile
concept-mim-6 = MIM6 Proteggere i dati
concept-mim-7 = MIM7 Dati geospaziali
concept-mim-8 = MIM8 Gemelli digitali locali
concept-scope-data-spaces = Spazi di dati
concept-scope-ai-for-smart-cities = IA per città intelligenti
concept-scope-interoperability = Interoperabilità
concept-scope-local-digital-twins = Gemelli digitali locali
concept-origin-data-spaces = Spazi di dati
concept-origin-ai-for-smart-cities = IA per città intelligenti
concept-origin-local-digital-twins = Gemelli digitali locali
concept-origin-interoperability-mims = Interoperabilità e MIM
concept-origin-cities-network = Rete di città
concept-kind-standard = Norma
concept-kind-protocol = Protocollo
concept-kind-framework = Quadro
concept-kind-tool = Strumento
concept-kind-data-model = Modello di dati
concept-kind-guide = Guida
concept-kind-initiative = Iniziativa
concept-kind-twin = Gemello di esempio
concept-kind-service = Servizio
concept-domain-mobility = Mobilità
concept-domain-energy = Energia
concept-domain-environment = Ambiente
concept-domain-air-quality = Qualità dell’aria
concept-domain-green-space = Verde urbano
concept-domain-urban-climate = Clima urbano
concept-domain-urban-planning = Urbanistica
concept-domain-participation = Partecipazione dei cittadini
concept-domain-education = Istruzione
concept-strand-interconnect = WS1 Collegare gemelli esistenti
concept-strand-create = WS2 Creare gemelli per bisogni comuni
concept-strand-add-ai = WS3 Aggiungere servizi basati sull’IA

nav-twins = Gemelli
nav-about = Informazioni
theme-above = Lo strato superiore
theme-below = Lo strato inferiore
theme-search = Cerca in tutte queste voci
theme-all-layer = Tutti gli strati
theme-all-mim = Tutti i MIM
twins-title = I gemelli sulla mappa
twins-intro = Gemelli di esempio e ogni altra voce che ha un luogo. L’elenco sotto dice lo stesso della mappa.
twins-map = Mappa delle voci che hanno un luogo
twins-search = Cerca in quest’area
twins-europe = Europa
twins-world = Mondo
twins-uses = Usa
text-about = Informazioni
text-twin = Che cos’è un gemello digitale locale
text-architecture = Architettura
text-strands = Da dove cominciare
text-privacy = Privacy
text-accessibility = Accessibilità
text-foreign = Questo testo è in inglese: non c’è ancora nella sua lingua.
text-picture = I sette strati di un gemello digitale locale, da ciò che si vede a ciò che è osservato
twins-field = { $n ->
    [one] 1 voce in questo riquadro: cerca qui
   *[other] { $n } voci in questo riquadro: cerca qui
}
