# Lo que dicen las páginas, en español.

to-content = Ir al contenido
to-results = Ir a los resultados
to-library = A la biblioteca
nav-main = Principal
nav-language = Idioma
nav-library = Biblioteca
nav-catalogue = Catálogo
nav-validate = Validar
nav-vocabulary = Vocabulario

nav-admin = Moderación
nav-more = Más
sign-in = Iniciar sesión
sign-out = Cerrar sesión
sign-in-failed = Este token es desconocido, ha caducado o fue revocado.
sign-in-intro = Para quienes cuidan el catálogo. Leer y proponer no requiere cuenta.
sign-in-token = Token
sign-in-operator = El operador crea los tokens en la propia máquina:

facet-layer = Capa
facet-mim = MIM
facet-kind = Categoría
facet-scope = Ámbito
facet-origin = Origen
facet-domain = Dominio
facet-licence = Licencia
facet-maintainer = Responsable
facet-country = País
none-layer = Sin capa
none-mim = Sin MIM
none-kind = Sin categoría
none-scope = Sin ámbito
none-origin = Sin origen
none-domain = Sin dominio
none-licence = Sin licencia
none-maintainer = Sin responsable
none-country = Sin país
sort-relevance = Relevancia
sort-title = Título
sort-mim = MIM
sort-layer = Capa
sort-newest = Más recientes

search-words = Palabras que buscar
search-hint = Nombre, autor, finalidad …
search-button = Buscar
search-narrow = Acotar la lista
search-more = Más
search-others = Licencia, fecha, zona
search-open = Solo licencia abierta
search-from = Desde
search-to = Hasta
search-area = Oeste, sur, este, norte
search-apply = Aplicar
search-clear = Borrar todo
search-sort = Ordenar por
search-view = Vista
search-cards = Fichas
search-table = Tabla
search-filters = Filtros activos
search-remove = Quitar este filtro
filter-from = Desde { $x }
filter-to = Hasta { $x }
filter-area = Dentro de { $x }
results-entries = { $n ->
    [one] 1 ficha
   *[other] { $n } fichas
}
results-of = de { $n }
results-alike = Nada se escribe «{ $x }»; estas se escriben de modo parecido.
results-none = Nada cumple todo esto
results-loosen = Quite uno de los filtros:
results-without = Sin { $x }
results-beyond = Esa página no existe; la lista tiene { $n } fichas.
results-anew = Empezar de nuevo
results-region = Fichas
results-version = versión { $x }
page-nav = Páginas
page-number = página { $n }
page-previous = Página anterior
page-next = Página siguiente
forms-this = Lo mismo como
forms-sparql = consulta SPARQL
forms-whole = Todo el catálogo:
forms-pages = Página a página para recolectores:

entry-links = Enlaces
entry-related = Fichas relacionadas
entry-record = Este registro
entry-changed = Último cambio el { $x }.
entry-statements = Todas las afirmaciones
entry-foreign = Esta descripción está en { $x }: aún no la hay en su idioma.
entry-picture = Vecinos de esta ficha
entry-versions = Versiones
entry-cite = Citar esta ficha
entry-preview = Cómo ve un portal esta ficha
entry-preview-intro = Un portal que recolecta DCAT-AP lee estas propiedades. Lo que falta cuesta puntos en su valoración de calidad.
entry-missing = falta
versions-version = Versión { $x }
versions-first = Así se publicó la ficha por primera vez.
versions-old = Esta no es la última versión.
versions-latest = A la última versión
versions-changes = Qué cambió
versions-before = Antes
versions-after = Después
agent-entries = Fichas
fact-strand = Línea de trabajo
fact-version = Versión
fact-place = Lugar
relation-implements = Implementa
relation-implemented-by = Implementado por
relation-profiles = Perfila
relation-profiled-by = Perfilado por
relation-uses = Usa
relation-used-by = Usado por
relation-tests = Prueba
relation-tested-by = Probado por
relation-considers = Considera
relation-considered-by = Considerado por
relation-requires = Requiere
relation-required-by = Requerido por
relation-part-of = Parte de
relation-has-part = Contiene
relation-replaced-by = Sustituido por
relation-replaces = Sustituye
relation-conforms-to = Conforme a
relation-followed-by = Seguido por
language-en = inglés
language-fr = francés
language-de = alemán
language-it = italiano
language-es = español

nav-suggest = Proponer
suggest-title = Proponer una ficha
suggest-correct-title = Corregir «{ $x }»
suggest-intro = Cualquiera puede proponer; la moderación decide, y usted recibe un enlace para ver qué pasó. Los campos con * son necesarios.
suggest-as-it-is = La ficha tal como está
suggest-wrong = Aún no se puede enviar. Los errores están junto a los campos.
suggest-preview = Vista previa
suggest-preview-intro = Esto se publicaría. Aún no se ha enviado nada.
suggest-alike = ¿Se trata de una de estas? Entonces corríjala, por favor.
suggest-same-name = Mismo nombre:
suggest-same-address = Misma dirección:
suggest-similar = Parecido:
suggest-short = Nombre corto
suggest-short-hint = Como se lo llama, por ejemplo NGSI-LD. De él sale la dirección de la ficha.
suggest-long = Nombre completo
suggest-description = Descripción
suggest-description-hint = De dos a cuatro frases: qué es, a quién sirve en un gemelo digital local, cómo se relaciona con otros.
suggest-maintainer = Responsable
suggest-version = Versión
suggest-licence = Licencia
suggest-licence-hint = Un identificador SPDX como Apache-2.0 o CC-BY-4.0
suggest-country = País
suggest-country-hint = Tres letras, como ITA
suggest-links = Enlaces
suggest-links-hint = Website, Documentation, Git … cada uno con su dirección completa.
suggest-link-label = Etiqueta
suggest-link-address = Dirección
suggest-contact = Su correo electrónico
suggest-contact-hint = No es necesario. Sirve solo para preguntas de la moderación, nunca se publica y se borra { $n } días después de la decisión.
suggest-note = Unas palabras a la moderación
suggest-show = Mostrar vista previa
suggest-send = Enviar
suggest-required = Esto es necesario.
suggest-no-address = Esto no es un correo electrónico.
suggest-nothing-new = No hay ningún cambio.
suggest-again = El formulario estuvo abierto demasiado tiempo, o demasiado poco para una persona. No se ha perdido nada: envíelo otra vez.
suggest-sent-before = Este formulario ya se envió.
status-title = Su propuesta
status-sent = Enviada
status-state = Estado
status-reason = Motivo
status-waiting = Espera a la moderación.
status-accepted = Fue aceptada. ¡Gracias!
status-rejected = No fue aceptada.
status-result = La ficha
status-keep = Esta página es solo suya: guarde su dirección para volver.
entry-correct = Proponer una corrección
problem-too-many = Demasiados a la vez; vuelva más tarde

problem-bad-input = La petición no se entiende
problem-not-found = Aquí no hay nada
problem-gone = Esta ficha fue retirada
problem-withdrawn = { $x } fue retirada.
problem-forbidden = No está permitido
problem-unauthorised = Primero hay que iniciar sesión
problem-conflict = Esto cambió mientras tanto
problem-too-large = Es demasiado de una vez
problem-busy = Aún no está listo; inténtelo en un momento
problem-other = No se puede responder
problem-replaced-by = La sustituye
problem-status = Estado { $x }.

vocabulary-title = El vocabulario de la biblioteca
vocabulary-intro = Propiedades y conceptos que ordenan los recursos de un gemelo digital local. El espacio de nombres es el mismo en cada instalación.

sparql-refused = Sin respuesta:
sparql-result = Resultado
sparql-true = verdadero
sparql-false = falso
sparql-statements = { $n ->
    [one] 1 afirmación.
   *[other] { $n } afirmaciones.
}
sparql-rows-found = { $n ->
    [one] 1 fila.
   *[other] { $n } filas.
}
sparql-cut = Se muestran las { $n } primeras; los formatos de abajo las tienen todas.
sparql-rows = Filas
sparql-query = Consulta en SPARQL 1.1
sparql-run = Ejecutar
sparql-examples = Ejemplos resueltos
sparql-know = Conviene saber
sparql-protocol = También los programas preguntan aquí, con GET o POST según el protocolo SPARQL 1.1. Las filas llegan como JSON, XML, CSV o TSV; los grafos como Turtle, N-Triples, RDF/XML o JSON-LD.
sparql-description = El servicio se describe a sí mismo
sparql-graph = Todos los registros publicados están en un solo grafo por defecto; no hay grafos con nombre.
sparql-limits = Hay límites:
sparql-limit-time = Tiempo de una consulta
sparql-limit-memory = Memoria de una consulta
sparql-limit-query = Texto de una consulta
sparql-limit-result = Su resultado
sparql-limit-text = Un texto que crea una consulta
sparql-limit-geometry = Geometrías de una llamada, juntas
sparql-limit-combined = Lo mismo donde se combinan formas
sparql-limit-concurrent = Consultas a la vez
sparql-over = Lo que supera un límite recibe un error, nunca una parte del resultado.
sparql-places = Los lugares están en WGS 84, primero la longitud, sin sistema de referencia delante; las funciones GeoSPARQL, como geof:distance, esperan lo mismo. Bruselas es
sparql-literals = Los números y las fechas vuelven en su forma canónica (1.50 como 1.5): el almacén normaliza los literales con tipo. Las páginas y los volcados del catálogo los conservan como se dieron.
sparql-service = SERVICE se rechaza, pues este punto de acceso no consulta otros; también las actualizaciones, pues el grafo sigue al catálogo.

validate-conforms = La entrada es conforme
validate-fails = La entrada no es conforme
validate-violations = { $n ->
    [one] 1 infracción
   *[other] { $n } infracciones
}
validate-warnings = { $n ->
    [one] 1 aviso
   *[other] { $n } avisos
}
validate-infos = { $n ->
    [one] 1 información
   *[other] { $n } informaciones
}
validate-against = Comprobado con: { $x }.
validate-meaning = Una infracción debe corregirse; un aviso es un consejo.
validate-caption = Cada regla incumplida, primero las infracciones
validate-line = Línea
validate-severity = Gravedad
validate-node = Nodo
validate-property = Propiedad
validate-value = Valor
validate-rule = Regla
validate-left-out = Otras { $n } no están en esta página; las formas Turtle, JSON-LD y JSON las tienen todas.
validate-check = Comprobar una descripción
validate-intro = Pegue una descripción DCAT o la hoja de la biblioteca, o elija un archivo de 8 MB como máximo. No se guarda nada.
validate-text = Texto
validate-file = o un archivo
validate-format = Formato del texto
validate-rules = Reglas
validate-machines = Los programas envían la descripción misma y piden el informe en la forma que quieran:

concept-layer-data-sources = Fuentes de datos
concept-layer-data-acquisition = Adquisición de datos
concept-layer-connectivity = Conectividad
concept-layer-data-management = Gestión de datos
concept-layer-analytics = Análisis
concept-layer-decision-making = Toma de decisiones
concept-layer-visualisation = Visualización
concept-mim-0 = MIM0 Acceso a los datos
concept-mim-1 = MIM1 Enlazar datos
concept-mim-2 = MIM2 Representar datos
concept-mim-3 = MIM3 Intercambiar datos
concept-mim-4 = MIM4 Datos personales
concept-mim-5 = MIM5 IA interoperable
concept-mim-6 = MIM6 Proteger los datos
concept-mim-7 = MIM7 Datos geoespaciales
concept-mim-8 = MIM8 Gemelos digitales locales
concept-scope-data-spaces = Espacios de datos
concept-scope-ai-for-smart-cities = IA para ciudades inteligentes
concept-scope-interoperability = Interoperabilidad
concept-scope-local-digital-twins = Gemelos digitales locales
concept-origin-data-spaces = Espacios de datos
concept-origin-ai-for-smart-cities = IA para ciudades inteligentes
concept-origin-local-digital-twins = Gemelos digitales locales
concept-origin-interoperability-mims = Interoperabilidad y MIM
concept-origin-cities-network = Red de ciudades
concept-kind-standard = Norma
concept-kind-protocol = Protocolo
concept-kind-framework = Marco
concept-kind-tool = Herramienta
concept-kind-data-model = Modelo de datos
concept-kind-guide = Guía
concept-kind-initiative = Iniciativa
concept-kind-twin = Gemelo de ejemplo
concept-kind-service = Servicio
concept-domain-mobility = Movilidad
concept-domain-energy = Energía
concept-domain-environment = Medio ambiente
concept-domain-air-quality = Calidad del aire
concept-domain-green-space = Zonas verdes
concept-domain-urban-climate = Clima urbano
concept-domain-urban-planning = Urbanismo
concept-domain-participation = Participación ciudadana
concept-domain-education = Educación
concept-strand-interconnect = WS1 Conectar gemelos existentes
concept-strand-create = WS2 Crear gemelos para necesidades comunes
concept-strand-add-ai = WS3 Añadir servicios basados en IA

nav-twins = Gemelos
nav-about = Acerca de
theme-above = La capa superior
theme-below = La capa inferior
theme-search = Buscar en todas estas entradas
theme-all-layer = Todas las capas
theme-all-mim = Todos los MIM
twins-title = Los gemelos en el mapa
twins-intro = Gemelos de ejemplo y toda otra entrada que tiene un lugar. La lista de abajo dice lo mismo que el mapa.
twins-map = Mapa de las entradas que tienen un lugar
twins-search = Buscar en esta zona
twins-europe = Europa
twins-world = Mundo
twins-uses = Usa
text-about = Acerca de
text-twin = Qué es un gemelo digital local
text-architecture = Arquitectura
text-strands = Por dónde empezar
text-privacy = Privacidad
text-accessibility = Accesibilidad
text-foreign = Este texto está en inglés: aún no existe en su idioma.
text-picture = Las siete capas de un gemelo digital local, de lo que se ve a lo que se observa
twins-field = { $n ->
    [one] 1 entrada en este recuadro: buscar aquí
   *[other] { $n } entradas en este recuadro: buscar aquí
}
