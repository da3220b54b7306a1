// Swagger UI on our page: no inline script, no other server (its validator would be one).
"use strict";

const place = document.querySelector("#swagger");
window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.schema,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  persistAuthorization: false,
  validatorUrl: null,
});
