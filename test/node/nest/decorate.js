// There is no build step and so no decorator syntax: these call what the
// compiler would.
require("reflect-metadata");
const { Injectable } = require("@nestjs/common");

// provider makes a class injectable that is constructed with the given ones.
function provider(cls, ...takes) {
  Reflect.defineMetadata("design:paramtypes", takes, cls);
  Injectable()(cls);
}

// method decorates a method; params are the decorators of its parameters.
function method(cls, name, decorators, ...params) {
  params.forEach((decorator, i) => decorator(cls.prototype, name, i));
  const descriptor = Object.getOwnPropertyDescriptor(cls.prototype, name);
  for (const decorator of [...decorators].reverse()) decorator(cls.prototype, name, descriptor);
}

module.exports = { provider, method };
